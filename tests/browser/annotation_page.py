"""`dsrbench annotate` in a process of its own, and its page by keyboard."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys

from dsrbench.analysis.labels import PLACES, PRESENT


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def annotating(run, out, *words, port=0):
    """`dsrbench annotate` in a process of its own; the process and the link of each annotator."""
    line = [sys.executable, "-m", "dsrbench", "annotate", run.folder, "--out", out, "--port", port or free_port()]
    child = subprocess.Popen(
        [str(word) for word in (*line, *words)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        n = words.count("--annotator") or 1
        yield child, dict(child.stdout.readline().split(" (")[0].split(": ", 1) for _ in range(n))
    finally:
        child.kill()
        child.communicate()


def wait_task(page, other=""):
    page.wait_for_function("other => (document.body.dataset.task || other) !== other", arg=other)
    return page.evaluate("document.body.dataset.task")


def press_answers(page, start, end, present):
    for choices, value in ((tuple(PLACES), start), (tuple(PLACES), end), (PRESENT, present)):
        page.keyboard.press(str(choices.index(value) + 1))
    page.keyboard.press("Enter")
