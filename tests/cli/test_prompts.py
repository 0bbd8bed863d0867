"""`dsrbench prompts` as a user runs it."""

from __future__ import annotations

import csv
import json

import pytest
from clips import dsrbench, error_line

from dsrbench.prompts import list_suites, read_suite, suites

RECIPE = {"suite": "toy", "version": "2", "seed": 1, "parts": [{"split": "test", "relations": ["LR", "RL"], "size": 6}]}


def test_the_list_and_what_is_shown(tmp_path):
    done = dsrbench("prompts", "list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in list_suites():
        assert f"{name} " in done.stdout
        assert read_suite(name).sha256[:12] in done.stdout
    done = dsrbench("prompts", "show", "dsr-train:validation", "--limit", "2", "--wording", "0..1", cwd=tmp_path)
    ids = [line.split("  ")[0] for line in done.stdout.splitlines()]
    first, second = read_suite("dsr-train:validation").prompts[:2]
    assert ids == [first.id, f"{first.id}~scene-last", second.id, f"{second.id}~scene-last"]


def test_what_is_shown_as_json_is_a_suite(tmp_path):
    done = dsrbench("prompts", "show", "dsr-core-mini", "--json", cwd=tmp_path)
    (tmp_path / "mini.jsonl").write_text(done.stdout)
    assert read_suite(tmp_path / "mini.jsonl").sha256 == read_suite("dsr-core-mini").sha256


def test_a_suite_is_built_to_the_byte(tmp_path):
    done = dsrbench("prompts", "build", "dsr-core", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"dsr-core.jsonl  150 prompts, version 1.0, sha256 {read_suite('dsr-core').sha256}\n"
    assert (tmp_path / "dsr-core.jsonl").read_bytes() == (suites.DATA_FOLDER / "dsr-core.jsonl").read_bytes()


def test_a_suite_that_breaks_a_rule_is_not_written(tmp_path):
    (tmp_path / "toy.json").write_text(json.dumps(RECIPE))
    done = dsrbench("prompts", "build", "toy.json", cwd=tmp_path)
    assert "first relations: " in error_line(done, 3)
    assert not (tmp_path / "toy.jsonl").exists()
    done = dsrbench("prompts", "build", "toy.json", "--ignore", "relations", "--out", "other.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (read_suite(tmp_path / "other.jsonl").name, len(read_suite(tmp_path / "other.jsonl"))) == ("toy", 6)


def write_paper_table(path, prompts):
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["type", "prompt_id", "animal", "object", "scene", "prompt"])
        table.writerows([p.type, p.id, p.subject, p.object, f"{p.scene},", p.text] for p in prompts)


def test_a_table_is_linted(tmp_path):
    prompts = read_suite("dsr-core-mini").prompts
    write_paper_table(tmp_path / "mini.csv", prompts)
    done = dsrbench("prompts", "lint", "mini.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "note, difficulty: no prompt has a difficulty tag" in done.stdout
    assert done.stdout.endswith("mini: 24 prompts, nothing found that breaks a rule\n")
    write_paper_table(tmp_path / "fewer.csv", [p for p in prompts if p.type != "TR"])
    done = dsrbench("prompts", "lint", "fewer.csv", "--against", "dsr-core", cwd=tmp_path)
    assert error_line(done, 3) == "dsrbench: suite 'fewer' breaks 2 rules (relations 1, split 20)"
    assert "and 2 more; --json lists them all" in done.stdout
    done = dsrbench("prompts", "lint", "fewer.csv", "--json", "--ignore", "relations", cwd=tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert (report["suite"], report["n_prompts"], report["n_errors"], report["ignored"]) == (
        "fewer",
        20,
        0,
        ["relations"],
    )
    assert [finding["rule"] for finding in report["findings"]] == ["difficulty"]


def test_json_comes_with_the_exit_code(tmp_path):
    done = dsrbench("prompts", "lint", "sprites", "--json", cwd=tmp_path)
    assert error_line(done, 3).startswith("dsrbench: suite 'sprites' breaks 2 rules (plausible ")
    report = json.loads(done.stdout)
    assert report["n_errors"] == sum(finding["is_error"] for finding in report["findings"]) > 0
    assert report["sha256"] == read_suite("sprites").sha256


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("lint", "dsr-cor"), 3, "no suite named 'dsr-cor'; did you mean 'dsr-core'"),
        (("lint", "dsr-core", "--ignore", "nuns"), 3, "no rule 'nuns'; did you mean 'nouns'"),
        (("lint", "absent.csv"), 3, "absent.csv: the suite cannot be read"),
        (("build", "dsr-cor"), 3, "no recipe 'dsr-cor'; did you mean"),
        (("build", "dsr-core-mini", "--out", "a.csv"), 3, "a suite is written as .jsonl"),
        (("build", "dsr-core-mini", "--out", "no/a.jsonl"), 6, "cannot be written"),
        (("show", "dsr-core", "--wording", "pronouns"), 3, "no wording 'pronouns'; did you mean 'pronoun'"),
        (("show", "dsr-train:test"), 3, "suite 'dsr-train' has no split 'test'"),
    ],
)
def test_bad_input(tmp_path, arguments, code, message):
    assert message in error_line(dsrbench("prompts", *arguments, cwd=tmp_path), code)
