"""`dsrbench.evaluate`: what the command does, for programs."""

from __future__ import annotations

import pytest
from cli.clips import TEXT, dsrbench, enter_place, write_boxes

from dsrbench import evaluate, read_suite
from dsrbench.errors import DownloadError, InputError, OptionError, UnknownBackendError

KINDS = {"1000_LR": "LR", "1001_LR": "RL", "1002_LR": "L"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    return enter_place(tmp_path, monkeypatch, **KINDS)


def run(**more):
    given = {"videos": "videos", "suite": "suite.jsonl", "detector": "scripted", **more}
    return evaluate(**{"options": {"detector": {"boxes": "boxes.jsonl"}}, **given})


def test_a_program_gets_what_the_command_writes(place):
    told = []
    result = run(out="api", on_progress=lambda *news: told.append(news))
    assert [sample.score.diagnosis.value for sample in result.samples] == ["correct", "reversed", "static"]
    assert [news[1:3] for news in told] == [(1, 3), (2, 3), (3, 3)]
    assert result.summary.headline.value == pytest.approx(1 / 3)
    asked = ("eval", "--videos", "videos", "--suite", "suite.jsonl", "--detector", "scripted", "--out", "command")
    assert dsrbench(*asked, "-o", "detector.boxes=boxes.jsonl", cwd=place).returncode == 0
    for name in ("samples.parquet", "run.json"):
        assert (place / "api" / name).read_bytes() == (place / "command" / name).read_bytes()
    assert result.report() == place / "api/report/index.html" or result.report().samefile("api/report/index.html")


def test_samples_as_a_table(place):
    pytest.importorskip("pandas")
    result = run()
    table = result.to_pandas()
    assert table["dsr_score"].tolist() == [sample.score.dsr_score for sample in result.samples]
    assert {"certainty", "p_pass", "score_low", "score_high"} <= set(table.columns)


def test_a_suite_may_be_a_value(place):
    result = run(suite=read_suite("suite.jsonl"), limit=2)
    assert len(result.samples) == 2
    assert result.run.folder.name == "videos-suite"


BAD = [
    ({"model": "sprites"}, OptionError, "model does not go with videos"),
    ({"suite": None}, InputError, "needs the prompts"),
    ({"detector": "scriptd"}, UnknownBackendError, "did you mean 'scripted'"),
    ({"protocol": "slow"}, OptionError, "no protocol 'slow'"),
    ({"options": {"detectr": {}}}, OptionError, "unknown kind 'detectr' of options; did you mean 'detector'"),
    ({"options": {"detector": 3}}, OptionError, "expected the options of the detector by name, got 3"),
    ({"seeds": "0..4"}, OptionError, "expected seeds as a sequence of integers >= 0"),
    ({"seeds": 3}, OptionError, "expected seeds as a sequence of integers >= 0"),
    ({"seeds": []}, OptionError, "expected seeds as a sequence of integers >= 0"),
    ({"seeds": [0, -1]}, OptionError, "expected seeds as a sequence of integers >= 0"),
    ({"seeds": [1, 1]}, OptionError, "expected each seed once"),
    ({"limit": 0}, OptionError, "expected limit >= 1, got 0"),
    ({"limit": -1}, OptionError, "expected limit >= 1, got -1"),
    ({"detector": "picodet", "offline": True}, OptionError, "no option 'boxes'"),
    ({"second_detector": "sprite-template"}, UnknownBackendError, "did you mean 'sprites-template'"),
    ({"options": {"second_detector": {"boxes": "b"}}}, OptionError, "option second_detector.boxes needs a second"),
]


@pytest.mark.parametrize(("more", "error", "words"), BAD)
def test_bad_input_is_one_line(place, more, error, words):
    with pytest.raises(error, match=words) as caught:
        run(**more)
    assert "\n" not in str(caught.value)
    assert not (place / "runs").exists()


def test_notes_are_told(place):
    """Choices by default, the work, and nouns; what is fetched is told, too."""
    (place / "suite.jsonl").write_text((place / "suite.jsonl").read_text().replace("cat", "gryphon"))
    told = []
    result = run(detector="sprites-template", options={}, out="first", on_note=told.append)
    assert told[0] == "3 samples of 1 model(s), suite suite: first"
    assert told[1].startswith("note: 3 prompts cannot be scored and are invalid: sprites-template: ")
    assert len(result.samples) == 3
    told.clear()
    with pytest.raises(DownloadError):
        evaluate(videos="videos", suite="suite.jsonl", offline=True, on_note=told.append)
    assert told == ["by default: detector nanodet (it needs no GPU; see --protocol for others)"]


def test_a_second_detector(place):
    write_boxes(place / "contrary.jsonl", **dict.fromkeys(KINDS, "RL"))
    options = {"detector": {"boxes": "boxes.jsonl"}, "second_detector": {"boxes": "contrary.jsonl"}}
    alone, both = run(out="alone"), run(out="both", second_detector="scripted", options=options)
    assert [sample.score.dsr_score for sample in both.samples] == [sample.score.dsr_score for sample in alone.samples]
    assert [round(sample.score.certainty.p_pass, 1) for sample in both.samples] == [0.5, 0, 0]
    assert both.run.manifest.second_detector.name == "scripted"
    assert (both.summary.n_uncertain, alone.summary.n_uncertain) == (1, 0)


def test_offline_weights_are_named(place):
    with pytest.raises(DownloadError, match="offline, and not on this machine: picodet"):
        evaluate(videos="videos", suite="suite.jsonl", detector="picodet", offline=True)
    with pytest.raises(DownloadError, match="offline, and not on this machine: picodet"):
        run(second_detector="picodet", offline=True)


@pytest.mark.slow
def test_the_embedded_model(tmp_path, monkeypatch):
    pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text(TEXT.replace("chair", "box") + "\n")
    result = evaluate(suite="prompts.txt", seeds=[0, 1], options={"generator": {"steps": 1}})
    assert len(result.samples) == 2
    assert result.run.manifest.detector.name == "sprites"
