"""Scores beside what people say: simulated annotators with known error rates, and answers of another form."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from factories.runs import MANIFEST
from factories.samples import make_sample, write_tables

from dsrbench import cli
from dsrbench.analysis.judgments import ClaimAnswers, Judgment
from dsrbench.analysis.labels import read_labels
from dsrbench.analysis.people import compare_people, krippendorff_alpha
from dsrbench.analysis.raters import best_threshold, rank_correlation, roc_auc, share_of_pairs
from dsrbench.errors import InputError
from dsrbench.store import Run, RunManifest

ERROR = 0.1
"""Probability that a simulated annotator decides wrongly."""


def key(sample):
    return {"model": sample.model, "prompt_id": sample.prompt.id, "seed": sample.seed}


def answer(sample, follows, annotator="ada"):
    """An answer to a clip of type LR that follows its prompt, or does not."""
    end = "right" if follows else "left"
    return {"annotator": annotator, "sample": key(sample), "start": "left", "end": end, "present": "both"}


def write(folder, rows):
    folder.mkdir(exist_ok=True)
    for row in rows:
        with (folder / f"{row.get('annotator', 'x')}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
    return folder


def simulate(n=400, annotators=3, seed=0):
    """Samples whose score tells the truth with some noise, and answers of annotators who err with `ERROR`."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.5
    scores = np.clip(np.where(truth, 0.85, 0.5) + rng.normal(0, 0.1, n), 0, 1)
    samples = [
        make_sample(float(score), prompt=f"p{i // 4}", seed=i % 4, p_pass=0.95 if score >= 0.7 else 0.05)
        for i, score in enumerate(scores)
    ]
    rows = [
        answer(sample, bool(follows) ^ bool(rng.random() < ERROR), f"annotator-{a}")
        for a in range(annotators)
        for sample, follows in zip(samples, truth, strict=True)
    ]
    return samples, truth, rows


def test_annotators_of_known_error(tmp_path):
    samples, truth, rows = simulate(seed=1)
    people = compare_people(samples, read_labels(write(tmp_path / "labels", rows)))
    score = people.score
    assert (people.n_annotators, score.n_clips, score.n_decided, people.n_unknown) == (3, 400, 400, 0)
    assert people.alpha.low <= 1 - 4 * ERROR * (1 - ERROR) <= people.alpha.high
    # most of three err with probability 3 e^2 - 2 e^3
    wrong = 3 * ERROR**2 - 2 * ERROR**3
    passes = np.array([sample.score.dsr_score >= 0.7 for sample in samples])
    right = np.mean(passes == truth)
    assert people.score.agreeing.low <= right * (1 - wrong) + (1 - right) * wrong <= people.score.agreeing.high
    auc = roc_auc(np.array([sample.score.dsr_score for sample in samples]), truth)
    assert people.score.auc.low <= auc * (1 - 2 * wrong) + wrong <= people.score.auc.high
    assert people.score.threshold.low <= 0.675 <= people.score.threshold.high, "the middle of both means"
    assert people.score.spearman.value > 0.6
    (one,) = people.score.certainty
    assert (one.low, one.n) == (0.9, 400)
    assert one.certainty == pytest.approx(0.95)
    assert one.agreeing == pytest.approx(people.score.agreeing.value)
    assert people.score.by_type == {"LR": (400, pytest.approx(people.score.agreeing.value))}
    differences = [verdict.difference for verdict in people.largest]
    assert differences == sorted(differences, reverse=True)


def test_alpha_of_annotators_of_known_error():
    """Two of them disagree with probability 2 e (1 - e), by chance with 1/2."""
    rng, alphas = np.random.default_rng(0), []
    for _ in range(50):
        truth = rng.random(400) < 0.5
        alphas.append(krippendorff_alpha((truth[:, None] ^ (rng.random((400, 3)) < ERROR)).tolist()))
    assert np.mean(alphas) == pytest.approx(1 - 4 * ERROR * (1 - ERROR), abs=0.01)


def test_what_an_answer_decides(tmp_path):
    sample = make_sample(0.9)
    cases = [
        ({}, True),
        ({"end": "left"}, False),
        ({"end": "none"}, False),
        ({"start": "top"}, False),
        ({"present": "subject"}, False),
        ({"present": "unknown"}, None),
        ({"end": "unknown"}, None),
    ]
    for i, (change, follows) in enumerate(cases):
        labels = read_labels(write(tmp_path / str(i), [{**answer(sample, True), **change}]))
        assert labels.clips[0].follows(sample.prompt) is follows
    people = compare_people([sample], read_labels(tmp_path / "6"))
    assert (people.score.n_clips, people.n_unknown) == (0, 1)
    assert math.isnan(people.score.auc.value)


def test_repeated_answers_and_divided_annotators(tmp_path):
    sample, other = make_sample(0.9), make_sample(0.2, prompt="q")
    rows = [answer(sample, True), answer(sample, True), answer(sample, False), answer(sample, False, "ben")]
    people = compare_people([sample, other], read_labels(write(tmp_path / "labels", rows)))
    assert people.consistency.value == 0.5, "the second answer is as the first, the third is not"
    assert (people.score.n_clips, people.score.n_decided) == (1, 0)
    assert people.largest[0].share == 0.5


def test_pairs(tmp_path):
    samples = [make_sample(score, seed=i) for i, score in enumerate((0.9, 0.4, 0.4, "invalid"))]
    rows = [
        {"annotator": "ada", "first": key(samples[a]), "second": key(samples[b]), "better": better}
        for a, b, better in [(0, 1, "first"), (1, 0, "first"), (1, 2, "second"), (0, 2, "same"), (3, 0, "second")]
    ]
    people = compare_people(samples, read_labels(write(tmp_path / "labels", rows)))
    assert people.score.pairwise.value == pytest.approx((1 + 0 + 0.5 + 1) / 4)


def test_models_side_by_side(tmp_path):
    samples = [make_sample(score, model=model, prompt=f"p{i}") for model in "ab" for i, score in enumerate((0.9, 0.3))]
    rows = [answer(sample, sample.model == "a") for sample in samples]
    people = compare_people(samples, read_labels(write(tmp_path / "labels", rows)))
    figures = {name: (one.n, one.people, one.score, one.passing) for name, one in people.score.by_model.items()}
    assert figures == {"a": (2, 1.0, pytest.approx(0.6), 0.5), "b": (2, 0.0, pytest.approx(0.6), 0.5)}


@pytest.mark.parametrize("n", [2, 3, 10])
def test_alpha_of_agreement_and_of_chance(n):
    rng = np.random.default_rng(0)
    assert krippendorff_alpha([[True] * n, [False] * n]) == 1
    assert abs(krippendorff_alpha((rng.random((4000, n)) < 0.5).tolist())) < 0.05
    assert math.isnan(krippendorff_alpha([[True] * n]))
    assert math.isnan(krippendorff_alpha([[True], [False]]))


def test_auc_and_threshold_against_their_definitions():
    rng = np.random.default_rng(1)
    scores, truth = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.4
    wins = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert roc_auc(scores, truth) == pytest.approx(np.mean(wins))
    best = best_threshold(scores, truth)
    every = [np.mean((scores >= t) == truth) for t in np.linspace(0, 1, 1001)]
    assert np.mean((scores >= best) == truth) == pytest.approx(max(every))
    assert math.isnan(roc_auc(scores, np.zeros(60, bool)))
    certain = np.array([0.0, 0.0, 1.0])
    assert best_threshold(certain, certain > 0) == 0.5
    assert best_threshold(certain, np.ones(3, bool)) == 0


def test_the_command(tmp_path):
    samples, _, rows = simulate(40)
    run = Run.open(write_finished(tmp_path / "run", samples))
    labels = write(tmp_path / "labels", rows)
    out = tmp_path / "people.json"
    result = CliRunner().invoke(cli.group, ["agreement", str(run.folder), "--human", str(labels), "--out", str(out)])
    assert result.exit_code == 0, result.output
    for text in ("Krippendorff's alpha", "AUC of the score", "By relation", "Where people and score"):
        assert text in result.output
    figures = json.loads(out.read_text())
    assert figures["n_annotators"] == 3
    assert set(figures["largest"][0]) >= {"model", "prompt_id", "seed", "score", "people"}
    for wrong in (["--human", str(labels), "--reference", "scores.csv"], ["--pages", "pages"], [], ["x", "y"]):
        assert CliRunner().invoke(cli.group, ["agreement", str(run.folder), *wrong]).exit_code == 2


def write_finished(folder, samples):
    run = Run(folder)
    run.write_manifest(RunManifest.from_json({**MANIFEST, "models": sorted({sample.model for sample in samples})}))
    write_tables(run, samples)
    return str(run.folder)


def test_several_runs(tmp_path):
    scores = {"a": 0.9, "b": 0.8, "c": 0.2}
    samples = {
        name: [make_sample(score, model=name, prompt=f"p{i}") for i in range(4)] for name, score in scores.items()
    }
    rows = [answer(sample, sample.model != "c") for group in samples.values() for sample in group]
    runs = [write_finished(tmp_path / name, group) for name, group in samples.items()]
    labels, out = write(tmp_path / "labels", rows), tmp_path / "people.json"
    result = CliRunner().invoke(cli.group, ["agreement", *runs, "--human", str(labels), "--out", str(out)])
    assert result.exit_code == 0, result.output
    for text in ("By model", "Means of models", "3 models: these figures describe them"):
        assert text in result.output
    score = json.loads(out.read_text())["score"]
    assert score["by_model"]["c"] == {"n": 4, "people": 0.0, "score": pytest.approx(0.2), "passing": 0.0}
    assert score["models_pairwise"]["value"] == pytest.approx((0.5 + 1 + 1) / 3), "people do not tell a from b"
    assert score["models_spearman"]["value"] == pytest.approx(np.corrcoef([3, 2, 1], [2.5, 2.5, 1])[0, 1])


def test_runs_that_cannot_be_told_apart(tmp_path):
    sample = make_sample(0.9, video_sha256="a", key="1")
    labels = read_labels(write(tmp_path / "labels", [answer(sample, True)]))
    for change, message in (({"video_sha256": "b"}, "different videos of"), ({"key": "2"}, "one after the other")):
        with pytest.raises(InputError, match=message):
            compare_people([sample, dataclasses.replace(sample, **change)], labels)
    assert compare_people([sample, sample], labels).score.n_clips == 1


def judge_of(sample, score, judge="vlm@1, questions 1"):
    answers = ClaimAnswers({"start": 1.0, "end": score}, {"LR": 1.0, "RL": 0.0, "L": 0.0, "R": 0.0})
    return Judgment(judge, *sample.id, sample.video_sha256, (answers,), 1.0)


def test_judges_beside_the_score(tmp_path):
    """A judge that knows the truth, and one that knows nothing and has judged half of the clips."""
    samples, truth, rows = simulate(200)
    pairs = [
        {"annotator": "ada", "first": key(a), "second": key(b), "better": "first" if truth[i] else "second"}
        for i, (a, b) in enumerate(itertools.pairwise(samples))
        if a.prompt.id == b.prompt.id and truth[i] != truth[i + 1]
    ]
    rng = np.random.default_rng(3)
    right = {s.id: judge_of(s, 0.9 if follows else 0.2) for s, follows in zip(samples, truth, strict=True)}
    wild = {s.id: judge_of(s, float(rng.random()), "other") for s in samples[:100]}
    labels = read_labels(write(tmp_path / "labels", rows + pairs))
    people = compare_people(samples, labels, {"right": right, "wild": wild})
    assert list(people.judges) == ["right", "wild"]
    one, other = people.judges.values()
    assert (one.n_clips, other.n_clips) == (200, 100)
    assert one.pairwise.value == 1
    assert one.auc.value > people.score.auc.value > 0.9
    assert other.auc.low < 0.5 < other.auc.high
    assert 0.2 < one.threshold.value < 0.9
    assert [row.low for row in one.certainty] == [0.75, 0.9]
    assert sum(row.n for row in other.certainty) == other.n_decided


def test_the_command_with_judges(tmp_path):
    samples, truth, rows = simulate(40)
    run = Run.open(write_finished(tmp_path / "run", samples))
    lines = [judge_of(s, float(follows)).row() for s, follows in zip(samples, truth, strict=True)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    run.disk.write_atomic("judgments/vlm-1.jsonl", (text + text[:20]).encode())  # a line that is being written
    other = [{**line, "judge": "[vlm]@2", "video_sha256": "0"} for line in lines]  # of other videos
    run.disk.write_atomic("judgments/vlm-2.jsonl", "".join(json.dumps(line) + "\n" for line in other).encode())
    labels, out = write(tmp_path / "labels", rows), tmp_path / "people.json"
    words = [
        "agreement",
        str(run.folder),
        "--human",
        str(labels),
        "--out",
        str(out),
        "--pages",
        str(tmp_path / "pages"),
    ]
    result = CliRunner().invoke(cli.group, words, env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    for text in ("DSR-Score", "vlm: vlm@1, questions 1, passing from 0.5", "vlm, 0.99", "Pages: "):
        assert text in result.output
    figures = json.loads(out.read_text())
    assert list(figures["judges"]) == ["vlm@1, questions 1"]
    assert figures["judges"]["vlm@1, questions 1"]["n_clips"] == 40
    assert {row["page"] for row in figures["largest"]} == {None}, "these clips have no tracks"
    assert "Where people and score differ most" in (tmp_path / "pages/index.html").read_text()


def test_figures_over_models():
    scores = np.array([1.0, 2.0, 3.0, 3.0])
    assert share_of_pairs(scores, scores) == pytest.approx((5 + 0.5) / 6)
    assert share_of_pairs(scores, -scores) == pytest.approx(0.5 / 6)
    assert math.isnan(share_of_pairs(scores[:1], scores[:1]))
    assert rank_correlation(scores, scores) == pytest.approx(1)
    assert math.isnan(rank_correlation(scores, np.ones(4)))


S = make_sample(0.9)
WRONG = [
    # lines, message
    ([{**answer(S, True), "start": "above"}], "line 1: expected one of left, .* under 'start', got 'above'"),
    ([{**answer(S, True), "annotator": ""}], "line 1: expected a text under 'annotator'"),
    ([answer(S, True), {**answer(S, True), "sample": {"model": "m"}}], "line 2: expected model, prompt_id and seed"),
    ([{**answer(S, True), "sample": {**key(S), "seed": True}}], "expected model, prompt_id and seed"),
    ([{"annotator": "a", "better": "first", "first": key(S), "second": key(S)}], "two clips of one prompt"),
    ([{"annotator": "a", "better": "left", "first": key(S), "second": {**key(S), "seed": 5}}], "first, second, same"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "message"), WRONG)
def test_answers_of_another_form(rows, message, tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=message) as caught:
        read_labels(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [("{", "line 1: not JSON"), ("", "its files have no answers")])
def test_files_without_answers(text, message, tmp_path):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        read_labels(tmp_path)
    with pytest.raises(InputError, match="expected a folder with answers"):
        read_labels(tmp_path / "absent")


def test_answers_about_other_clips(tmp_path):
    labels = read_labels(write(tmp_path / "labels", [answer(make_sample(0.9, prompt="other"), True)]))
    with pytest.raises(InputError, match=r"an answer is about .*other.*, which no run here has"):
        compare_people([S], labels)
