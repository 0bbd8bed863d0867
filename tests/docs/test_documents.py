"""What the documents promise holds: commands, code, links, versions, extras."""

from __future__ import annotations

import configparser
import contextlib
import io
import itertools
import os
import re
import shlex
from pathlib import Path

import pytest
from factories.rendered import render_pair

import dsrbench
from dsrbench.backends.registry import detectors, trackers
from dsrbench.cli import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md"))
    if path.relative_to(ROOT).parts[0] in ("docs", "benchmark", "leaderboard", "examples") or path.parent == ROOT
)
REPOSITORY = re.compile(r"https://github\.com/dsrbench/dsrbench/(?:blob|tree)/main/")
SITE = "https://dsrbench.github.io/dsrbench/"
FENCE = re.compile(r"^```(\w*)(?: title=\".*?\")?\n(.*?)^```$", re.M | re.S)


def blocks(language, text=README):
    return [body for name, body in FENCE.findall(text) if name == language]


def metadata():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_the_first_screen_has_two_commands_a_line_each():
    screen = "\n".join(README.splitlines()[:25]) + "\n"
    assert screen.count("```") == 4
    first, second = blocks("bash", screen)
    for block in (first, second):
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv ")
    assert first.rstrip().endswith('pip install ".[sprites]" && dsrbench eval')
    assert second.rstrip().endswith("pytest")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 120


def test_the_quick_start_runs_and_its_comments_are_true():
    (code,) = (block for block in blocks("python") if "print(" in block)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "README.md", "exec"), {})
    promised = re.findall(r"^print\(.*\) +# (.+)$", code, re.M)
    assert len(promised) == code.count("print(") >= 1
    assert said.getvalue().splitlines() == promised


def test_the_reward_takes_clips():
    """The lines of the page, with a detector that needs no weights in the place of a large one on a GPU."""
    page = (ROOT / "docs/quickstart/use-as-a-reward.md").read_text(encoding="utf-8")
    own, remote = (block for block in blocks("python", page) if "dsrbench.rewards" in block)
    videos, prompts, _ = render_pair()
    names = {"videos": videos, "prompts": prompts}
    for name, other in (("grounding-dino", "sprites-template"), ("cuda", "cpu")):
        assert name in own
        own = own.replace(name, other)
    exec(compile(own, "README.md", "exec"), names)
    assert [detail.value for detail in names["details"]] == names["values"]
    assert names["values"][0] > 0.7 > names["values"][1]
    exec(compile(remote, "README.md", "exec"), {})


LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path):
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_links_lead_somewhere(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if REPOSITORY.match(link):
            link = os.path.relpath(ROOT / REPOSITORY.sub("", link), path.parent)
        elif link.startswith(SITE):
            page = link.removeprefix(SITE).partition("#")[0].strip("/") or "index"
            assert (ROOT / "docs" / f"{page}.md").is_file(), f"{path.name}: {link}"
            continue
        elif re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), f"{path.name}: {link}"
        assert target.is_relative_to(ROOT), f"{path.name}: {link} leaves the repository"
        if anchor:
            assert anchor in anchors(target), f"{path.name}: {link}"


COMMAND = re.compile(r"(?:^|[`$&|] *)dsrbench ([a-z-]+)", re.M)


@pytest.mark.parametrize("path", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS])
def test_commands_that_are_mentioned_exist(path):
    named = COMMAND.findall(path.read_text(encoding="utf-8"))
    assert set(named) <= set(COMMANDS)


def test_the_readme_mentions_commands_and_they_have_the_options_shown():
    import importlib

    assert set(COMMAND.findall(README)) >= {"eval", "score", "explain", "compare", "agreement", "align", "submit"}
    for line in re.findall(r"dsrbench (?:eval|score|explain) [^`\n|]+", README):
        name, *words = shlex.split(line.partition(" ")[2].replace("...", ""))
        known = {opt for p in importlib.import_module(f"dsrbench.cli.{name}").command.params for opt in p.opts}
        assert {word for word in words if word.startswith("-")} <= known, line


def test_backends_in_the_table_are_the_detectors():
    page = (ROOT / "docs/reference/backends.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \|", page, re.M)
    assert {name for name, _ in rows} == set(detectors.names())
    for name, needs in rows:
        extra = detectors.load(name).extra
        assert (f"dsrbench[{extra}]" in needs) == bool(extra), name


def test_models_in_the_table_are_the_recipes_with_their_defaults():
    from dsrbench.backends.generators.recipe import read_recipe, recipe_names

    page = (ROOT / "docs/reference/models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\*\*.+?) \| (.+?) \| (.+?) \|$", page, re.M)
    named = [re.findall(r"\*\*([\w.-]+)\*\*", models) for models, _, _ in rows]
    assert sorted(itertools.chain(*named)) == sorted(set(recipe_names().values()))
    for names, (models, clip, licence) in zip(named, rows, strict=True):
        for recipe in map(read_recipe, names):
            for number in (recipe.frames, f"{recipe.width}x{recipe.height}", f"{recipe.fps} a second"):
                assert str(number) in clip, recipe.name
            assert recipe.licence.split(" (")[0] in licence, recipe.name
            assert all(f"`{alias}`" in models for alias in recipe.aliases), recipe.name


def test_the_changelog_begins_with_this_version():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert versions[0] == dsrbench.__version__.partition(".dev")[0]
    assert len(set(versions)) == len(versions)


def test_the_pythons_are_the_same_everywhere():
    declared = metadata()
    pythons = re.findall(r"Python :: (3\.\d+)", declared["metadata"]["classifiers"])
    assert f"Python {', '.join(pythons[:-1])} and {pythons[-1]}" in README
    assert declared["options"]["python_requires"] == f">={pythons[0]}"
    assert declared["mypy"]["python_version"] == pythons[0]
    assert f'target-version = "py{pythons[0].replace(".", "")}"' in (ROOT / "pyproject.toml").read_text()


def test_every_extra_hinted_anywhere_exists():
    extras = set(metadata()["options.extras_require"])
    hinted = {}
    sources = [*ROOT.glob("dsrbench/**/*.py"), *DOCUMENTS, ROOT / "setup.cfg", *ROOT.glob("benchmark/**/*.py")]
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for names in re.findall(r"(?:dsrbench|\.)\[([a-z][a-z,]*)\]", text):
            hinted.update(dict.fromkeys(names.split(","), path))
        for name in re.findall(r"MissingExtraError\([^()]*\"(\w+)\"\)", text):
            hinted[name] = path
    assert {"nanodet", "picodet", "yolo", "trackers", "test"} <= set(hinted), "the search finds what is there"
    assert {name: path for name, path in hinted.items() if name not in extras} == {}


def test_every_extra_a_backend_names_exists():
    extras = set(metadata()["options.extras_require"])
    for registry in (detectors, trackers):
        for name in registry.names():
            assert (registry.load(name).extra or "all") in extras, name
