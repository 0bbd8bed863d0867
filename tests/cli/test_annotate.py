"""`dsrbench annotate`: bad input, the lines that it prints, the table of answers."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import signal
import subprocess
import threading
import urllib.request

import pyarrow.parquet as pq
import pytest
from clips import command, dsrbench, environment, error_line
from factories.runs import Spec, write_run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    write_run(folder / "run", [Spec("m", "1000_LR", "LR", path, seed=i) for i, path in enumerate(("LR", "RL"))])
    write_run(folder / "empty", [Spec("m", "1000_LR", "LR", "LR", flaw="no video")])
    return folder


ANSWER = {"sample": {"model": "m", "prompt_id": "1000_LR", "seed": 0}, "start": "left", "end": "right"}

BAD = [
    ([], 2, "give at least one RUN, or --export FILE"),
    (["run", "--clips", "0", "--pairs", "0"], 2, "there is nothing to ask"),
    (["run", "--clips", "-1"], 2, "--clips"),
    (["run", "--repeats", "0.9"], 2, "--repeats"),
    (["run", "--port", "70000"], 2, "--port"),
    (["nowhere"], 6, "nowhere is no run folder"),
    (["empty"], 3, "no clip to ask about"),
    (["run", "--annotator", "a/b"], 3, "expected the name of an annotator"),
    (["run", "--annotator", "a", "--annotator", "A"], 3, "expected annotators of different names, got a, A"),
    (["run", "--host", "999.1.1.1", "--port", "0"], 3, "cannot listen at 999.1.1.1:0"),
    (["run", "--out", "run/run.json"], 6, "run/run.json"),
    (["--export", "x.parquet", "--out", "nowhere"], 3, "expected a folder with answers"),
]


@pytest.mark.parametrize(("words", "code", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_input(place, words, code, message):
    done = dsrbench("annotate", *words, cwd=place)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert message in " ".join(done.stderr.split())
    if code != 2:
        error_line(done, code)


@contextlib.contextmanager
def annotating(place, *words):
    child = subprocess.Popen(
        command("annotate", *words, "--port", "0"), cwd=place, env=environment(PYTHONUNBUFFERED="1"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_links_and_the_end(place, tmp_path):
    with annotating(place, "run", "--out", tmp_path, "--annotator", "ada", "--annotator", "ben") as child:
        assert child.stdout.readline() == f"2 clips and 1 pairs; answers go to {tmp_path} (end with Ctrl-C)\n"
        name, link, *rest = child.stdout.readline().split()
        assert (name, link.partition("?")[2], rest) == ("ada:", "who=ada", ["(0", "of", "3", "answered)"])
        with urllib.request.urlopen(link.replace("/?", "/task?"), timeout=30) as answer:
            assert json.load(answer)["total"] == 3
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        assert "Traceback" not in child.stderr.read()


def test_export(place, tmp_path):
    rows = [{"annotator": name, **ANSWER, "present": "both"} for name in ("ada", "ben")]
    for row in rows:
        (tmp_path / f"{row['annotator']}.jsonl").write_text(json.dumps(row) + "\n")
    done = dsrbench("annotate", "--out", tmp_path, "--export", "all.parquet", cwd=place)
    assert (done.returncode, done.stdout) == (0, "all.parquet: 2 answers\n"), done.stderr
    assert pq.read_table(place / "all.parquet")["annotator"].to_pylist() == ["ada", "ben"]


@pytest.mark.slow
def test_a_server_killed_at_random_moments_has_every_answer_that_it_took(place, tmp_path):
    """Each answer that was taken before a kill is in the file, once, and the page goes on after it."""
    write_run(tmp_path / "run", [Spec("m", f"{1000 + i}_LR", "LR", "LR", seed=i) for i in range(60)])
    rng, taken, n_kills, is_done = random.Random(1), [], 0, False
    while not is_done:
        words = (tmp_path / "run", "--out", tmp_path / "labels", "--pairs", "0", "--repeats", "0")
        with annotating(place, *words) as child:
            child.stdout.readline()
            link = child.stdout.readline().split()[1]
            timer, n_left = threading.Timer(rng.uniform(0, 0.003), child.kill), rng.randrange(1, 12)
            with contextlib.suppress(OSError, http.client.HTTPException):
                task = ask(link, "/task")
                while task["kind"] != "end":
                    n_left -= 1
                    if n_left == 0:
                        timer.start()  # the kill comes while answers are under way
                    name, answer = task["task"], {"start": "left", "end": "right", "present": "both"}
                    task = ask(link, "/answer", {"task": name, **answer})
                    taken.append(name)
                is_done = True
            timer.cancel()
            n_kills += not is_done
        assert n_kills < 80
    rows = [json.loads(line) for line in (tmp_path / "labels/me.jsonl").read_text().splitlines()]
    assert len({row["sample"]["seed"] for row in rows}) == len(rows) == 60
    assert len(taken) == len(set(taken)), "no task came again after its answer was taken"
    assert 60 - n_kills <= len(taken) <= 60, "at most the last answer before a kill was written without a word"
    assert n_kills >= 2


def ask(link, path, body=None):
    address, mark, query = link.partition("?")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{address.rstrip('/')}{path}{mark}{query}", data, {"Content-Type": "application/json"} if data else {}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
