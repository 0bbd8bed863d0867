"""Small rendered clips, what is asked of them, and the command line as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
from factories.shapes import make_picodet, moving_shapes, render_shapes

from dsrbench.video import write_mp4

SIZE, FRAMES = (208, 104), 13
TEXT = "A cat is on the left of a chair, then the cat walks to the right of the chair."

DEFAULTS = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
MAIN = "sys.argv[0] = 'dsrbench'\nfrom dsrbench.cli import main\nmain()"


def clip_boxes(kind="LR"):
    """Boxes [T, 4] of cat and chair: the cat goes to the right (LR), to the left (RL), or stays left (L)."""
    cats, chairs = moving_shapes(FRAMES, size=SIZE)
    cats[:, ::2] += (0.15 * np.linspace(1, -1, FRAMES) * SIZE[0])[:, None] / 2  # not too fast for a tracker
    if kind == "RL":
        cats = cats[::-1]
    if kind == "L":
        cats[:] = cats[0]
    return cats, chairs


def write_clips(folder, **kinds):
    """Write an H.264 clip NAME.mp4 of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in kinds.items():
        write_mp4(folder / f"{name}.mp4", render_shapes(*clip_boxes(kind), SIZE), fps=16)
    return folder


def write_suite(path, *ids):
    """A suite of the same question under several ids."""
    fields = {"text": TEXT, "subject": "cat", "object": "chair", "relations": "LR"}
    path.write_text("".join(json.dumps({"id": i, **fields}) + "\n" for i in ids))
    return path


def box_line(video, kind="LR", **fields):
    """The line of a boxes file that tells the truth about a clip."""
    frames = [
        {"frame": t, "labels": ["cat", "chair"], "boxes_xyxy": [cat.tolist(), chair.tolist()]}
        for t, (cat, chair) in enumerate(zip(*clip_boxes(kind), strict=True))
    ]
    line = {"video": video, "type": "LR", "subject": "cat", "object": "chair", "n_frames": FRAMES, "frames": frames}
    return {**line, **fields}


def write_boxes(path, **kinds):
    """A boxes file for the clips `write_clips` makes."""
    path.write_text("".join(json.dumps(box_line(f"{name}.mp4", kind)) + "\n" for name, kind in kinds.items()))
    return path


def write_place(folder, **kinds):
    """A folder with a clip, a prompt and the boxes of every id; `folder` itself."""
    write_clips(folder / "videos", **kinds)
    write_suite(folder / "suite.jsonl", *kinds)
    write_boxes(folder / "boxes.jsonl", **kinds)
    return folder


def enter_place(folder, monkeypatch, **kinds):
    """Make `write_place` the working directory, with a cache of its own."""
    monkeypatch.chdir(write_place(folder, **kinds))
    monkeypatch.setenv("DSRBENCH_CACHE", str(folder / "cache"))
    return folder


def write_weights(folder):
    """A picodet that sees the clips' cats and chairs."""
    folder.mkdir(parents=True, exist_ok=True)
    return make_picodet(folder)


def environment(**more):
    """The environment of a child: no cache of this machine's, no colours."""
    kept = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "DSRBENCH_OFFLINE", "DSRBENCH_CACHE")}
    return {**kept, "COLUMNS": "100", **more}


def command(*args, before=""):
    """The arguments of a child that runs `dsrbench ARGS`; `before` is code to run first."""
    return [sys.executable, "-c", DEFAULTS + before + MAIN, *map(str, args)]


def dsrbench(*args, cwd, before="", env=None, **options):
    """Run `dsrbench ARGS` to its end, as `python -m dsrbench` does."""
    start = command(*args, before=before) if before else [sys.executable, "-m", "dsrbench", *map(str, args)]
    given = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run(start, cwd=cwd, env=environment(**(env or {})), **given)


def error_line(done, code):
    """The one line a failed command ends with; fails unless there is exactly one, and no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert [line for line in lines if line.startswith("dsrbench:")] == lines[-1:], done.stderr
    return lines[-1]
