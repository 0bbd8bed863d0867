"""`dsrbench eval --second-detector` and `explain --second-detector` as a user runs them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from clips import TEXT, enter_place, write_boxes

from dsrbench.cli import group
from dsrbench.errors import DSRBenchError
from dsrbench.store import Run

KINDS = {"1000_LR": "LR", "1001_LR": "RL", "1002_LR": "L"}
EVAL = ("eval", "--videos", "videos", "--suite", "suite.jsonl")
FIRST = ("--detector", "scripted", "-o", "detector.boxes=boxes.jsonl")
SECOND = ("--second-detector", "scripted", "-o", "second_detector.boxes=contrary.jsonl")


@pytest.fixture
def place(tmp_path, monkeypatch):
    enter_place(tmp_path, monkeypatch, **KINDS)
    write_boxes(tmp_path / "contrary.jsonl", **dict.fromkeys(KINDS, "RL"))
    return tmp_path


def invoke(*arguments):
    return CliRunner(env={"COLUMNS": "100"}).invoke(group, list(arguments), catch_exceptions=False)


def test_a_finished_run_is_gone_on_with(place):
    alone = invoke(*EVAL, *FIRST)
    assert alone.exit_code == 0, alone.output
    assert "second detector" not in alone.output
    before = Run.open("runs/videos-suite").samples()
    both = invoke(*EVAL, *FIRST, *SECOND)
    assert both.exit_code == 0, both.output
    assert "suite · scripted + assignment · second detector scripted" in both.output
    assert "66.7 % = 2 of 3" in both.output, "certain decisions"
    assert "Look at these:" in both.output
    after = Run.open("runs/videos-suite").samples()
    assert [sample.score.dsr_score for sample in before] == [sample.score.dsr_score for sample in after]
    assert '"second_detector":{"name":"scripted"' in (
        place / "runs/videos-suite/report/index.html"
    ).read_text().replace('": ', '":')


def test_an_explanation_has_both(place):
    alone = invoke("explain", "videos/1000_LR.mp4", TEXT, *FIRST)
    assert "The decision is certain" in alone.output
    both = invoke("explain", "videos/1000_LR.mp4", TEXT, *FIRST, *SECOND)
    assert "The decision is uncertain: the probability that the video passes 0.7 is 50 %" in both.output
    assert both.output.split(":")[0] == alone.output.split(":")[0], "the same DSR-Score"


def test_nouns_that_the_second_does_not_know(place):
    for name in ("suite.jsonl", "boxes.jsonl"):
        (place / name).write_text((place / name).read_text().replace("cat", "gryphon"))
    done = invoke(*EVAL, *FIRST, "--second-detector", "sprites-template")
    assert "note: 3 prompts have a certainty by scripted alone: sprites-template: " in done.output
    text = TEXT.replace("cat", "gryphon")
    done = invoke("explain", "videos/1000_LR.mp4", text, *FIRST, "--second-detector", "sprites-template")
    assert "note: sprites-template does not know the nouns and has no part in the certainty" in done.output
    assert "The decision is certain" in done.output


ERRORS = [
    # what is added to the command, exit code, words of the message
    (("--second-detector", "scriptd"), 5, "no detector named 'scriptd'; did you mean 'scripted'"),
    ((*SECOND, "-o", "second_detector.boxs=1"), 3, "detector 'scripted' has no option 'boxs'; did you mean 'boxes'"),
    ((*SECOND, "-o", "second_detecter.boxes=1"), 3, "unknown kind 'second_detecter'"),
    (("-o", "second_detector.boxes=b"), 3, "option second_detector.boxes needs a second detector: --second-detector"),
    (("--second-detector", "scripted"), 3, "needs the boxes"),
    (("--second-detector", "picodet", "--offline"), 7, "offline, and not on this machine: picodet"),
    (
        ("--second-detector", "scripted", "-o", "second_detector.boxes=boxes.jsonl"),
        3,
        "the second detector is 'scripted' with the options of the first: give another one",
    ),
]


@pytest.mark.parametrize("command", [EVAL, ("explain", "videos/1000_LR.mp4", TEXT)], ids=["eval", "explain"])
@pytest.mark.parametrize(("more", "code", "words"), ERRORS)
def test_errors_are_one_line(place, command, more, code, words):
    with pytest.raises(DSRBenchError) as caught:
        group([*command, *FIRST, *more], standalone_mode=False)
    assert (caught.value.exit_code, words in str(caught.value)) == (code, True), str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (place / "runs").exists()
