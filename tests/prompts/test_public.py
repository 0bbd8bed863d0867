"""Prompt files of public benchmarks: their forms, contradictions, and the names of their videos."""

# ruff: noqa: E501 (one object, one line)

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePath

import pytest

from dsrbench.errors import PromptError
from dsrbench.evaluation.names import NameReader
from dsrbench.prompts import describe_prompt, parse_prompt, read_suite, write_suite
from dsrbench.prompts.public import read_phrase
from dsrbench.types import Relation

VBENCH = [
    {"prompt_en": "a bus on the left of a van, front view", "object_a_en": "bus", "object_b_en": "van", "relationship_en": "on the left of"},
    {"prompt_en": "a cup on the top of broccoli, front view", "object_a_en": "cup", "object_b_en": "broccoli", "relationship_en": "on the top of"},
]  # fmt: skip
FULL = [
    {
        "prompt_en": "a bus on the right of a van, front view",
        "dimension": ["spatial_relationship"],
        "auxiliary_info": {"spatial_relationship": {"spatial_relationship": {"object_a": "bus", "object_b": "van", "relationship": "on the right of"}}},
    },
    {"prompt_en": "a person is clapping", "dimension": ["human_action"]},
]  # fmt: skip
VBENCH2 = [
    {
        "prompt_en": "A fox is in front of a shoe, then the fox runs to the behind of the shoe.",
        "dimension": "Dynamic_Spatial_Relationship",
        "auxiliary_info": ["Is the fox in front of the shoe? (yes or no)", "Is the fox behind the shoe? (yes or no)"],
    }
]
SPATIAL = [
    {"prompt": "A seal resting to the left of a kayak", "spatial": "left", "object_1": "seal", "object_2": "kayak"},
    {"prompt": "A lamp glowing above a desk", "spatial": "above", "object_1": "lamp", "object_2": "desk"},
    # a text that cannot be read: the fields are the claims
    {"prompt": "A seal beside and below a kayak", "spatial": "below", "object_1": "seal", "object_2": "kayak"},
]
MOTION = [
    {"prompt": "A seal swims leftwards", "object_1": "seal", "d_1": "left", "object_2": "", "d_2": ""},
    {
        "prompt": "A kite rises, a seal swims rightwards",
        "object_1": "kite",
        "d_1": "up",
        "object_2": "seal",
        "d_2": "right",
    },
]
READ = [
    # prefix, content, claims, name of the suite
    ("vbench", VBENCH, ["bus|van|L", "cup|broccoli|T"], "vbench-spatial"),
    ("vbench", FULL, ["bus|van|R"], "vbench-spatial"),
    ("vbench2", VBENCH2, ["fox|shoe|FB"], "vbench2-dynamic-spatial"),
    ("vbench2", "A cat is on the table, then the cat runs to the bottom of the table.\n\n", ["cat|table|TU"], "vbench2-dynamic-spatial"),
    ("t2v-compbench", SPATIAL, ["seal|kayak|L", "lamp|desk|T", "seal|kayak|U"], "t2v-compbench"),
    ("t2v-compbench", MOTION, ["seal||>L", "kite||>U + seal||>R"], "t2v-compbench"),
    ("t2v-compbench", "A seal swims leftwards\nA kite above a desk", ["seal||>L", "kite|desk|T"], "t2v-compbench"),
]  # fmt: skip


def describe(prompt):
    return " + ".join(f"{clause.subject}|{clause.object}|{clause.type}" for clause in prompt.clauses)


def write(folder, content):
    path = folder / "prompts.file"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(("prefix", "content", "claims", "name"), READ)
def test_reads(prefix, content, claims, name, tmp_path):
    suite = read_suite(f"{prefix}:{write(tmp_path, content)}")
    assert ([describe(prompt) for prompt in suite], suite.name) == (claims, name)


def test_suites_of_all_kinds_are_written_and_read_back(tmp_path):
    for number, (prefix, content, _, _) in enumerate(READ):
        suite = read_suite(f"{prefix}:{write(tmp_path, content)}")
        path = tmp_path / f"{number}.jsonl"
        write_suite(suite, path)
        again = read_suite(path)
        assert [describe_prompt(p) for p in again] == [describe_prompt(p) for p in suite]
        assert again.sha256 == suite.sha256


CONTRADICTIONS = [
    ("vbench", [{**VBENCH[0], "relationship_en": "on the right of"}], "the fields say bus R van, the text .* is read as bus L van"),
    ("t2v-compbench", [{**MOTION[0], "d_1": "right"}], "the fields say seal >R, the text .* is read as seal >L"),
    ("vbench", [{**VBENCH[0], "relationship_en": "near"}], "object 1: 'near' names no relation"),
    ("t2v-compbench", [{**MOTION[0], "d_1": "away"}], "object 1: 'away' is no direction"),
    ("vbench2", "A cat sleeps.\nA cat naps.", "2 of 2 prompts cannot be read: 1: cannot read the claim in 'A cat sleeps.'"),
    ("vbench", "[", "no JSON"),
    ("vbench", "[1]", "expected a JSON list of objects"),
    ("vbench", "{}", "expected a JSON list of objects"),
    ("vbench", [{**VBENCH[0], "dimension": 5}], "object 1: expected a text or texts under 'dimension'"),
    ("vbench", [VBENCH[0], {**VBENCH[1], "dimension": [["human_action"]]}], "object 2: expected a text or texts under 'dimension'"),
    ("t2v-compbench", [{**SPATIAL[0], "object_1": None}], "object 1: expected a text under 'object_1', found null"),
    ("t2v-compbench", [{**SPATIAL[0], "object_2": ""}], "object 1: expected a text under 'object_2', found \"\""),
    ("t2v-compbench", [{**SPATIAL[0], "spatial": 5}], "object 1: expected a text under 'spatial', found 5"),
    ("t2v-compbench", [{**MOTION[0], "object_1": 5}], "object 1: expected a text under 'object_1', found 5"),
    ("t2v-compbench", [{**MOTION[0], "d_1": ["left"]}], r"object 1: expected a text under 'd_1', found \["),
    ("vbench", [{"object_a_en": "bus"}], "object 1: expected a text under 'prompt_en' or 'prompt'"),
    ("vbench", "[]", "the suite has no prompts"),
    ("vbench", "", "the suite has no prompts"),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "content", "message"), CONTRADICTIONS)
def test_what_does_not_fit_is_refused(prefix, content, message, tmp_path):
    with pytest.raises(PromptError, match=message) as caught:
        read_suite(f"{prefix}:{write(tmp_path, content)}")
    assert "\n" not in str(caught.value)


UNREAD = [
    ("vbench2", "A cat sleeps.\nA dog on a box.\nA cat naps.", ["dog|box|T"], "2 of 3 prompts cannot be read: 1: cannot read the claim"),
    ("vbench", [VBENCH[1], {**VBENCH[0], "relationship_en": "on the right of"}], ["cup|broccoli|T"], "1 of 2 prompts cannot be read: 2: the fields say bus R van"),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "content", "claims", "message"), UNREAD)
def test_prompts_that_cannot_be_read_are_left_out_with_a_line(prefix, content, claims, message, tmp_path, caplog):
    suite = read_suite(f"{prefix}:{write(tmp_path, content)}")
    assert [describe(prompt) for prompt in suite] == claims
    (line,) = [record.getMessage() for record in caplog.records]
    assert message in line
    assert line.endswith("They are left out")
    assert "\n" not in line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PromptError, match="the suite cannot be read"):
        read_suite(f"vbench:{tmp_path / 'none.json'}")


NAMES = [
    # prefix, content, name of a video, number of its prompt, seed
    ("vbench", VBENCH, "a bus on the left of a van, front view-3.mp4", 0, 3),
    ("vbench", VBENCH, "m/a cup on the top of broccoli, front view-0.mp4", 1, 0),
    ("vbench2", VBENCH2, "A fox is in front of a shoe, then the fox runs to the behind of the shoe.-2.mp4", 0, 2),
    ("t2v-compbench", SPATIAL, "0002.mp4", 1, None),
    ("t2v-compbench", MOTION, "model/0001.mp4", 0, None),
]


@pytest.mark.parametrize(("prefix", "content", "name", "number", "seed"), NAMES)
def test_names_of_videos(prefix, content, name, number, seed, tmp_path):
    suite = read_suite(f"{prefix}:{write(tmp_path, content)}")
    reading = NameReader(suite).read(PurePath(name))
    assert (reading.prompt, reading.seed) == (suite.prompts[number], seed)


WORDS = [
    ("on the left of", "L"),
    ("left", "L"),
    ("in front of", "F"),
    ("on", "T"),
    ("under", "U"),
    ("on the bottom of", "U"),
]


@pytest.mark.parametrize(("words", "code"), WORDS)
def test_words_of_relations(words, code):
    assert read_phrase(words) is Relation(code)


# The public files themselves, where the user has them

FOLDER = os.environ.get("DSRBENCH_PROMPTS_DIR", "")
given = pytest.mark.skipif(not FOLDER, reason="DSRBENCH_PROMPTS_DIR is not set")
PHRASES = [("front", "F"), ("back", "B"), ("behind", "B"), ("left", "L"), ("right", "R"), ("bottom", "U"), ("under", "U"), ("above", "T"), ("top", "T"), ("onto", "T"), ("on the", "T")]  # fmt: skip


@given
def test_every_prompt_of_vbench():
    items = json.loads((Path(FOLDER) / "vbench_spatial.json").read_text())
    codes = {"on the left of": "L", "on the right of": "R", "on the top of": "T", "on the bottom of": "U"}
    for item in items:
        expected = f"{item['object_a_en']}|{item['object_b_en']}|{codes[item['relationship_en']]}"
        assert describe(parse_prompt(item["prompt_en"])) == expected
    assert len(read_suite(f"vbench:{Path(FOLDER) / 'vbench_spatial.json'}")) == len(items) == 84


@given
def test_every_prompt_of_vbench_2():
    """Expected nouns and relations by a regular expression that knows nothing of the grammar."""
    path = Path(FOLDER) / "vbench2_dynamic_spatial.txt"
    lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    for line in lines:
        first, second = line.rstrip(".").split(", then ")
        subject, place = re.match(r"An? (\w+) is (.*)", first).groups()
        object = re.search(r"(?:a|an|the) ((?:\w+ )?\w+)$", place)[1]
        relations = "".join(next(code for words, code in PHRASES if words in part) for part in (place, second))
        assert describe(parse_prompt(line)) == f"{subject}|{object}|{relations}", line
    assert len(read_suite(f"vbench2:{path}")) == len(lines) == 69
