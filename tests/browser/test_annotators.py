"""Three people of known error rates answer a hundred questions each by keyboard: the figures are those of the rates."""

from __future__ import annotations

import itertools
import json
import urllib.request
from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from annotation_page import annotating, press_answers, wait_task
from factories.truth import Kind, other_answer, read_truth, render_clips, true_answer

from dsrbench import evaluate
from dsrbench.analysis.labels import read_labels
from dsrbench.analysis.people import compare_people
from dsrbench.analysis.raters import best_threshold, rate_sample, roc_auc
from dsrbench.video import sha256_file

pytestmark = [pytest.mark.browser, pytest.mark.slow]

N = 100
RATES = {"ada": 0.05, "ben": 0.1, "cy": 0.2}
"""Share of the clips on which a person decides otherwise than the truth."""


def draw_errors(truth):
    """The videos that each person judges wrongly: their share of them is the rate, drawn for each on their own."""
    videos = sorted(truth, key=lambda video: truth[video][0].id)
    return {
        name: {videos[i] for i in np.random.default_rng([0, person]).permutation(N)[: round(rate * N)]}
        for person, (name, rate) in enumerate(RATES.items())
    }


def answer_all(page, truth, errors, folder):
    """Answer every question by keyboard, from the bytes of the video that the page shows."""
    task, n = wait_task(page), 0
    while task != "end":
        address = page.locator("video").first.evaluate("video => video.src")
        with urllib.request.urlopen(address, timeout=60) as answer:
            (folder / "seen.mp4").write_bytes(answer.read())
        video = sha256_file(folder / "seen.mp4")
        sample, kind = truth[video]
        press_answers(page, *(other_answer if video in errors else true_answer)(sample.prompt, kind))
        task, n = wait_task(page, task), n + 1
    return n


def expected_alpha(share):
    """Krippendorff's alpha of people who err independently, of clips of which a share is right."""
    rates = list(RATES.values())
    observed = np.mean([a * (1 - b) + b * (1 - a) for a, b in itertools.combinations(rates, 2)])
    accepted = np.mean([share * (1 - rate) + (1 - share) * rate for rate in rates])
    return 1 - observed / (2 * accepted * (1 - accepted))


def majority_error():
    """Probability that two or three of the three err."""
    a, b, c = RATES.values()
    return a * b + a * c + b * c - 2 * a * b * c


def expected_auc(auc, share):
    """AUC against decisions of the majority, each of which may be wrong."""
    wrong = majority_error()
    right = share * (1 - wrong) / (share * (1 - wrong) + (1 - share) * wrong)
    false = (1 - share) * (1 - wrong) / ((1 - share) * (1 - wrong) + share * wrong)
    either = right * (1 - false) + (1 - right) * false
    return right * false * auc + either / 2 + (1 - right) * (1 - false) * (1 - auc)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of rendered clips, and the kind of each."""
    folder = tmp_path_factory.mktemp("world")
    kinds = render_clips(folder / "clips", N)
    result = evaluate(videos=folder / "clips", suite="sprites", detector="sprites", seeds=[0, 1], out=folder / "run")
    samples = {sample.video: sample for sample in result.run.samples() if sample.video}
    assert len(samples) == N
    return result.run, kinds


def test_figures_of_people_of_known_error_rates(world, visit_site, tmp_path):
    run, kinds = world
    truth = read_truth(run, kinds)
    errors = draw_errors(truth)
    words = [word for name in RATES for word in ("--annotator", name)]
    with annotating(run, tmp_path / "labels", *words, "--clips", N, "--pairs", 0, "--repeats", 0) as (_, links):
        for name in RATES:
            address, mark, query = links[name].partition("?")
            with closing(visit_site(address, mark + query)) as page:
                assert answer_all(page, truth, errors[name], tmp_path) == N
    labels = read_labels(tmp_path / "labels")
    assert len(labels.clips) == 3 * N
    shown = [truth[sample.video_sha256] for sample in run.samples() if sample.video]
    people = compare_people([sample for sample, _ in shown], labels)
    right = np.array([kind is Kind.CORRECT for _, kind in shown])
    scores = np.array([rate_sample(sample).score for sample, _ in shown])
    share, figures = right.mean(), people.score
    alike = np.mean(np.array([sample.score.passes() for sample, _ in shown]) == right)
    wrong = majority_error()
    known = {
        "alpha": (people.alpha, expected_alpha(share)),
        "AUC": (figures.auc, expected_auc(roc_auc(scores, right), share)),
        "threshold": (figures.threshold, best_threshold(scores, right)),
        "decisions": (figures.agreeing, alike * (1 - wrong) + (1 - alike) * wrong),
    }
    print(json.dumps({name: [*vars(interval).values(), value] for name, (interval, value) in known.items()}))
    assert figures.n_decided == N
    for name, (interval, value) in known.items():
        assert interval.low <= value <= interval.high, name
        assert interval.high - interval.low < 0.35, f"{name}: an interval that says something"
