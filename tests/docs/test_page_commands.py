"""The commands of the pages run as they stand; where the title of a block says why one cannot, with small things.

A block of bash runs in one folder a page, after the blocks before it. One that needs weights runs with tiny random
ones; one that takes long, with a tiny model, few clips and steps; one that runs until it is interrupted is interrupted.
Of those that need an account, a cluster, a key, files or answers of somebody, the options are checked: what they do is
tested elsewhere, against local stand-ins.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "```bash" in path.read_text(encoding="utf-8"))
BLOCK = re.compile(r'^```bash(?: title="(.*?)")?\n(.*?)^```$', re.M | re.S)
INSTALLS = "Set up"
SMALL = "Needs weights"
LONG = re.compile(r"Takes .+")
SERVES = "Runs until interrupted"
CHECKED = ("Needs an account", "Needs a cluster", "Needs a key", "Needs your files", "Needs answers")

SIZE = (
    "-o generator.steps=1 -o generator.dtype=float32 -o generator.frames=5 -o generator.height=32 -o generator.width=48"
)
CLIPS = f"--suite prompts.csv --seeds 0 --detector scripted -o detector.boxes=five.jsonl {SIZE}"
TRAINING = "--suite train.jsonl --held-out held.jsonl --candidates 0..1 --seeds 0 --validation none --detector scripted"
QUICK = "-o generator.steps=1 -o generator.enlarge=1"
STEPS = "-s max_steps=2 -s batch_size=2 -s warmup_steps=0 -s lora_rank=2 -s learning_rate=1"
EMBEDDED = f"--model model {TRAINING} -o detector.boxes=boxes.jsonl {QUICK} {STEPS}"
TINY = {
    "eval --model": CLIPS,
    "eval --videos": "-o detector.model=tiny/dino",
    "upsample": "--model tiny/reciting",
    "judge": "--model tiny/judge --frames 1",
    "align --model": f"{TRAINING} -o detector.boxes=five.jsonl {SIZE} {STEPS}",
    "align --out runs/nft": f"{EMBEDDED} --rounds 1",
    "align": EMBEDDED,
}
"""What is added to a command, by its beginning; of an option that is there twice, the last one counts.

A file of boxes has those of one round.
"""

MODELS = {
    "wan2.1-1.3b": "tiny/wan",
    "cogvideox": "tiny/cogvideox",
    "spatialalign": "spatialalign -s gradient_accumulation_steps=1",
    " -o generator.offload=model": "",
}
"""What stands in place of what a command names; to offload needs a GPU."""


def blocks(page):
    """Titles and scripts of a page, with lines that go on joined."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(title, script.replace("\\\n", " ")) for title, script in found]


def commands(script):
    """The words of each call of dsrbench."""
    return [shlex.split(line) for line in re.findall(r"(?<![\w.-])dsrbench ((?:[^\n&|#)<]|&(?!&))+)", script)]


def with_small_things(script):
    """Each line with tiny models in place of those it names, and the words that make it small."""
    lines = []
    for line in script.splitlines():
        name = line.removeprefix("dsrbench ")
        if name.startswith("backends pull"):
            continue
        added = next((words for start, words in TINY.items() if name.startswith(start)), None)
        assert added is not None, f"nothing in TINY begins as {line!r}"
        for large, small in MODELS.items():
            line = line.replace(large, small)
        lines.append(f"{line} {added}")
    return "\n".join(lines) + "\n"


def interrupted(script):
    """The server on a free port, interrupted after some seconds; it ends as a command does that is interrupted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment, _, command = script.strip().rpartition("dsrbench ")
    call = f"{environment}timeout --preserve-status -s INT 20 dsrbench {command} --port {port}"
    return f"code=0; {call} || code=$?; test $code -eq 130 -o $code -eq 0\n"


def script_of(page):
    """The page as one script."""
    parts = []
    for title, script in blocks(page):
        if title == "":
            parts.append(script)
        elif title == SMALL or LONG.fullmatch(title):
            parts.append(with_small_things(script))
        elif title == SERVES:
            parts.append(interrupted(script))
    return "".join(parts)


def name_of(page):
    return str(page.relative_to(ROOT / "docs").with_suffix(""))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_titles_say_how_a_block_is_run(page):
    for title, _ in blocks(page):
        assert title in ("", INSTALLS, SMALL, SERVES, *CHECKED) or LONG.fullmatch(title), title
    assert len(blocks(page)) == page.read_text(encoding="utf-8").count("```bash")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_exists(page):
    for _, script in blocks(page):
        for name, *words in commands(script):
            command = importlib.import_module(f"dsrbench.cli.{name.replace('-', '_')}").command
            if hasattr(command, "commands") and words and words[0] in command.commands:
                command = command.commands[words.pop(0)]
            known = {opt for parameter in command.params for opt in parameter.opts}
            assert {word for word in words if word.startswith("-")} <= known, (name, words)


@pytest.fixture
def place(tmp_path):
    """A folder with tiny models, prompts and boxes, for the commands that are made small."""
    from factories.alignment import TEXT, write_five, write_place
    from factories.language_models import reciting_model
    from factories.models import grounding_dino
    from factories.pipelines import cogvideox_2b, wan21_1_3b
    from factories.vision_models import qwen

    folder = tmp_path / "place"
    folder.mkdir()
    write_place(folder)
    write_five(folder)
    makers = {"wan": wan21_1_3b, "cogvideox": cogvideox_2b, "dino": grounding_dino, "judge": qwen}
    for name, make in makers.items():
        (folder / "tiny" / name).mkdir(parents=True)
        make(folder / "tiny" / name)
    (folder / "tiny/reciting").mkdir()
    reciting_model(folder / "tiny/reciting")
    (folder / "prompts.csv").write_text(f'prompt_id,prompt\na,"{TEXT}"\n')
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_run(page, tmp_path, request):
    needs_models = any(title == SMALL or LONG.fullmatch(title) for title, _ in blocks(page))
    folder = request.getfixturevalue("place") if needs_models else tmp_path / "place"
    folder.mkdir(exist_ok=True)
    shim = tmp_path / "bin" / "dsrbench"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m dsrbench "$@"\n')
    shim.chmod(0o755)
    path = os.pathsep.join([str(shim.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script_of(page)],
        cwd=folder,
        env={**os.environ, "PATH": path, "DSRBENCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
