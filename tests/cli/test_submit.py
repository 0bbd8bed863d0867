from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from factories.entries import make_rows, write_whole_run
from huggingface_hub import ModelCard

from dsrbench import cli
from dsrbench.board import Board, open_stores
from dsrbench.cli.submit import read_count
from dsrbench.errors import DSRBenchError
from dsrbench.records import to_json

NAMED = ("--name", "wan", "--model-id", "lab/model")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return str(write_whole_run(tmp_path_factory.mktemp("runs") / "run").folder)


def submit(*args):
    return CliRunner().invoke(cli.group, ["submit", *map(str, args)])


def refused(done, code, *words):
    assert isinstance(done.exception, DSRBenchError), done.output
    assert done.exception.exit_code == code
    for word in words:
        assert word in str(done.exception)


def test_packs_checks_and_submits(run, tmp_path):
    facts = (
        "--parameters",
        "1.3B",
        "--license",
        "apache-2.0",
        "--closed",
        "--url",
        "https://example.org",
        "--notes",
        "n",
    )
    done = submit(run, *NAMED, *facts, "--out", tmp_path / "e", "--to", tmp_path / "board", "--account", "ann")
    assert done.exit_code == 0, done.output
    first, packed, accepted = done.output.splitlines()
    assert first.startswith("wan: 120 samples of dsr-core-mini, Accuracy@0.7 44.2%, coverage 100.0%; computed again")
    assert packed == f"Packed: {tmp_path / 'e'}"
    assert accepted == f"Accepted: wan on the board in {tmp_path / 'board'}"
    (placed,) = Board(open_stores(tmp_path / "board")[0]).view().entries
    model = {"id": "lab/model", "revision": "", "parameters": 1_300_000_000, "license": "apache-2.0", "open": False}
    assert to_json(placed.record.entry.model) == {**model, "url": "https://example.org"}
    assert placed.record.account == "ann"
    again = submit(run, *NAMED, *facts, "--out", tmp_path / "e", "--to", tmp_path / "board", "--account", "ann")
    assert again.output.splitlines()[2].startswith("Was there already: wan")


def test_the_usual_folder_is_in_the_run(tmp_path):
    run = write_whole_run(tmp_path / "run").folder
    assert submit(run, *NAMED).exit_code == 0
    assert sorted(path.name for path in (run / "submission" / "wan").iterdir()) == ["boxes.parquet", "entry.json"]
    assert str(tmp_path) not in (run / "submission" / "wan" / "entry.json").read_text()


def test_check_only_writes_nothing(tmp_path):
    run = write_whole_run(tmp_path / "run").folder
    before = sorted(map(str, tmp_path.rglob("*")))
    done = submit(run, *NAMED, "--check-only")
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "Accepted as it is; nothing was written.")
    assert sorted(map(str, tmp_path.rglob("*"))) == before
    assert submit(run, *NAMED, "--check-only", "--out", tmp_path / "o").exit_code == 2


def test_a_board_that_asks_for_something_else(run, tmp_path):
    results, _ = open_stores(tmp_path / "board")
    results.change(lambda _: {"board.json": json.dumps({"suites": {"dsr-core": [0]}}).encode()}, message="rules")
    done = submit(run, *NAMED, "--out", tmp_path / "e", "--to", tmp_path / "board")
    refused(done, 3, "suite 'dsr-core-mini' is not one of this board's")
    assert Board(results).view().entries == ()


def test_what_the_board_refuses(run, tmp_path):
    board = ("--out", tmp_path / "e", "--to", tmp_path / "board")
    assert submit(run, *NAMED, *board).exit_code == 0
    refused(submit(run, *NAMED, *board, "--account", "else"), 3, "the name 'wan' is taken")
    refused(submit(run, *NAMED, *board, "--base", "none"), 3, "the entry is not accepted")
    refused(submit(run, *NAMED, *board, "--account", "a b"), 3, "expected an account's name")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("--name", "../x"), 3, ["name of an entry must be letters"]),
        (("--url", "http://x.org"), 3, ["model.url must be an https address"]),
        (("--model-id", "/home/me/model"), 3, ["model.id must be letters"]),
        (("--model", "beta"), 3, ["has no model 'beta'"]),
        (("--to-model-card", "hf://x"), 3, ["expected a README.md or OWNER/NAME"]),
        (("--to", "hf://models/x"), 3, ["expected hf://datasets/OWNER/NAME"]),
    ],
)
def test_bad_input(run, tmp_path, change, code, words):
    refused(submit(run, *NAMED, "--out", tmp_path / "e", *change), code, *words)


def test_a_run_that_is_none_or_short(tmp_path):
    refused(submit(tmp_path, *NAMED), 6, "is no run folder")
    short = write_whole_run(tmp_path / "short", rows=make_rows(seeds=(0, 1)))
    refused(submit(short.folder, *NAMED), 3, "have the seeds 0, 1, 2, 3, 4 here, this one has 0, 1")
    assert not (short.folder / "submission").exists()


@pytest.mark.parametrize(
    ("text", "count"), [("1.3B", 1_300_000_000), ("350m", 350_000_000), ("7", 7), ("2K", 2000), (" 14B ", 14 * 10**9)]
)
def test_counts(text, count):
    assert read_count(text) == count


@pytest.mark.parametrize("text", ["", "B", "-1", "1e9", "1.3 B", "0", "nan", "9" * 30, "seven"])
def test_counts_that_are_none(run, text):
    assert submit(run, *NAMED, "--check-only", "--parameters", text).exit_code == 2


def test_a_model_card_on_this_disk(run, tmp_path):
    card = tmp_path / "model" / "README.md"
    card.parent.mkdir()
    card.write_text("---\nlicense: mit\n---\n# Mine\n")
    done = submit(run, *NAMED, "--out", tmp_path / "e", "--to-model-card", card)
    assert done.output.splitlines()[-1] == f"Model card: {card}"
    data = ModelCard.load(card).data
    assert data.license == "mit"
    assert data.eval_results[0].metric_name == "Accuracy@0.7"
    before = card.read_text()
    assert submit(run, *NAMED, "--out", tmp_path / "e", "--to-model-card", card.parent).exit_code == 0
    assert card.read_text() == before
    card.write_text("---\n[1]\n---\n")
    refused(submit(run, *NAMED, "--out", tmp_path / "e", "--to-model-card", card), 3, "not a model card")
    assert card.read_text() == "---\n[1]\n---\n"
