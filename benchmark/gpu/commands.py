"""The commands of a user and the tests of the project, each in a process of its own with the card as its device."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from meter import Row, Setting, draw_clip
from models import TESTS, save_wan

from dsrbench.backends.generators.pipelines import Pipelines
from dsrbench.backends.generators.timing import time_clip
from dsrbench.dataset import Choice, Pair
from dsrbench.dataset.pairs import write_pairs
from dsrbench.prompts import parse_prompt
from dsrbench.video import sha256_file, write_mp4

ROOT = TESTS.parent
TEXT = "a cat is on the left of a chair, then the cat walks to the right of the chair."
TESTED = ("devices", "backends", "quality", "sprites", "alignment")
"""Folders of tests that depend on the device."""


def run(command: list[str], folder: Path, *, limit: float) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run a command from a folder; its seconds and what it said. One that takes too long is ended, with code 124."""
    paths = os.pathsep.join([str(ROOT), str(TESTS), os.environ.get("PYTHONPATH", "")])
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=limit, env={**os.environ, "PYTHONPATH": paths}
        )
    except subprocess.TimeoutExpired as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else ""
        done = subprocess.CompletedProcess(command, 124, "", said)
    return time.perf_counter() - began, done


def run_dsrbench(what: str, folder: Path, *arguments: str, limit: float = 240) -> Row:
    """Run `dsrbench ARGUMENTS`; a row with its seconds, or with its last line where it failed."""
    seconds, done = run([sys.executable, "-m", "dsrbench", *arguments], folder, limit=limit)
    last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
    value = f"{seconds:.0f} s" if done.returncode in (0, 8) else f"FAILED with {done.returncode}: {last[:160]}"
    return Row("commands", what, value)


def measure_commands(setting: Setting) -> Iterator[Row]:
    """`eval` and `align` with the embedded model, and with one of Wan2.1-T2V-1.3B's size."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        more = ("--limit", "4") if setting.small else ()
        yield run_dsrbench("eval, embedded model", folder, "eval", "--out", "eval", *more)
        if not setting.small:
            yield run_dsrbench("align, embedded model", folder, "align", "--out", "align", limit=280)
        model = save_wan(folder / "wan", small=setting.small)
        (folder / "prompts.txt").write_text(f"{TEXT}\n")
        size = ("-o", "generator.frames=9", "-o", "generator.height=32", "-o", "generator.width=48") * setting.small
        yield run_dsrbench(
            "eval, Wan 1.3B size, 2 clips of 6 steps",
            folder,
            *("eval", "--model", str(model), "--suite", "prompts.txt", "--seeds", "0,1", "--out", "wan-eval"),
            *("--detector", "sprites-template", "-o", "generator.steps=6", *size),
        )
        write_clips(folder, small=setting.small)
        asked = ("align", "--model", str(model), "--pairs", "pairs.jsonl", "--out", "wan-align", "--detector")
        asked += ("sprites-template", "--preset", "spatialalign", "--validation", "none", "--only")
        yield run_dsrbench("align --only latents, Wan 1.3B size", folder, *asked, "latents")
        steps = ("-s", "max_steps=2", "-s", "batch_size=1", "-s", "warmup_steps=0")
        yield run_dsrbench("align --only train, two steps, Wan 1.3B size", folder, *asked, "train", *steps)


def measure_generation(setting: Setting) -> Iterator[Row]:
    """Seconds of a clip of Wan2.1-T2V-1.3B's size, beside what `eval --estimate` says of them."""
    size = {"frames": 9, "height": 64, "width": 64} if setting.small else {}
    prompt = parse_prompt(TEXT)
    with tempfile.TemporaryDirectory() as home:
        model = save_wan(Path(home) / "wan", small=setting.small)
        for options in ({}, {"compile": True})[: 1 if setting.small else 2]:
            pipeline = Pipelines(model=str(model), steps=10, device=setting.device, **size, **options)
            estimated = time_clip(pipeline.model, pipeline.settings, setting.device)
            assert estimated is not None
            with setting.peak() as peak:
                seconds = setting.time(lambda: list(pipeline.generate([prompt], [0])), repeats=1)  # noqa: B023
                what = f"a clip of 10 steps, Wan 1.3B size{', compiled' if options else ''}"
                value = f"{seconds:.1f} s (estimated {estimated:.1f}, {estimated / seconds:.2f} of it)"
                yield Row("generate", what, value, peak())


def write_clips(folder: Path, *, small: bool) -> None:
    """Write a winner and a loser of the model's size, and the file that pairs them."""
    frames = draw_clip(5 if small else 81, small=small)
    if small:
        frames = frames[:, :32, :48]
    choices = []
    for number, clip in enumerate((frames, frames[::-1])):
        path = folder / f"{number}.mp4"
        write_mp4(path, clip, fps=16)
        choices.append(Choice(path.name, sha256_file(path), number, 1.0 - number))
    write_pairs(folder / "pairs.jsonl", [Pair("p", TEXT, *choices)])


def run_tests(setting: Setting) -> Iterator[Row]:
    """The tests that depend on the device, on it."""
    folders = [str(TESTS / name) for name in (TESTED[:1] if setting.small else TESTED)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--device", setting.device, *folders]
    command += ["-m", "not slow" if setting.small else "slow or not slow", "--tb", "line", "-W", "default"]
    seconds, done = run(command, ROOT, limit=400)
    lines = done.stdout.strip().splitlines() or [done.stderr[-200:] or f"ended with {done.returncode}"]
    for line in (line for line in lines if line.startswith("FAILED")):
        yield Row("tests", line.removeprefix("FAILED ")[:160], "failed")
    yield Row("tests", f"pytest --device {setting.device}", f"{lines[-1].strip('= ')} ({seconds:.0f} s)")
