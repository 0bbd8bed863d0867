"""Two models: paired by prompt and seed, every sample counted, unlike runs refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from factories.runs import MANIFEST
from factories.samples import make_sample, write_tables

from dsrbench.analysis import compare_models
from dsrbench.errors import InputError
from dsrbench.records import to_json
from dsrbench.store import Run, RunManifest


def write_samples(folder, samples, manifest=MANIFEST):
    run = Run(folder)
    run.write_manifest(RunManifest.from_json(manifest))
    write_tables(run, samples)
    return run


def model_run(folder, model, scores, manifest=MANIFEST, **facts):
    """Scores a prompt: a list of lists, one a prompt, one score a seed."""
    types = ("LR", "TL")
    samples = [
        make_sample(s, prompt=f"p{i}", seed=j, model=model, type=types[i % 2], video_sha256=f"{model}{i}{j}", **facts)
        for i, row in enumerate(scores)
        for j, s in enumerate(row)
    ]
    return write_samples(folder / model, samples, manifest)


A = [[0.1, 0.9], [0.8, "invalid"], [0.2, 0.3], ["failed", 0.9]]
B = [[0.9, 0.9], [0.8, 0.2], [0.9, 0.95], ["invalid", 0.9]]


def test_by_hand(tmp_path):
    found = compare_models(model_run(tmp_path, "a", A), model_run(tmp_path, "b", B))
    assert (found.model_a, found.model_b, found.n_pairs, found.n_prompts) == ("a", "b", 8, 4)
    assert (found.coverage_a, found.coverage_b) == (6 / 8, 7 / 8)
    assert (found.accuracy_a.value, found.accuracy_b.value) == (3 / 8, 6 / 8)
    assert found.difference.difference == pytest.approx(3 / 8)
    # Sums of passes a prompt: 1, 0, 2, 0; of the 16 sign flips half keep |sum| = 3.
    assert found.difference.p_value == pytest.approx(0.5)
    assert (found.difference.n_pairs, found.difference.n_clusters) == (8, 4)
    assert found.mean_score_a["mean_score"] == pytest.approx((0.1 + 0.9 + 0.8 + 0.2 + 0.3 + 0.9) / 6)
    low = (0.8 + 0 + 0 + 0.2 + 0.7 + 0.65 + 0 + 0) / 8
    assert found.mean_score_low.difference == pytest.approx(low)
    assert found.mean_score_high.difference == pytest.approx(low - 1 / 8)
    assert {k: (v.n_pairs, v.difference.difference) for k, v in found.by_relation.items()} == {
        "LR": (4, pytest.approx(0.75)),
        "TL": (4, 0),
    }
    assert [p.prompt_id for p in found.prompts] == ["p2", "p0", "p1"], "p3 does not differ"
    assert found.unlike == ()
    json.dumps(to_json(found), allow_nan=False)


def test_swapping_the_models_turns_the_sign(tmp_path):
    a, b = model_run(tmp_path, "a", A), model_run(tmp_path, "b", B)
    there, back = compare_models(a, b).difference, compare_models(b, a).difference
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=1e-9)
    assert back.p_value == there.p_value


def test_a_clear_improvement_is_found_and_none_is_not(tmp_path):
    rng = np.random.default_rng(5)
    weak, strong = (rng.random((40, 5)) ** power for power in (2, 0.5))
    again = rng.random((40, 5)) ** 2
    runs = [model_run(tmp_path, n, v.tolist()) for n, v in (("a", weak), ("b", strong), ("c", again))]
    better = compare_models(runs[0], runs[1]).difference
    assert better.p_value < 0.001
    assert better.low > 0
    same = compare_models(runs[0], runs[2]).difference
    assert same.p_value > 0.05
    assert same.low < 0 < same.high


def test_samples_without_partner_are_counted_and_left_out(tmp_path):
    found = compare_models(model_run(tmp_path, "a", A), model_run(tmp_path, "b", [[0.9], [0.8], [0.7, 0.1]]))
    assert (found.n_pairs, found.n_only_a, found.n_only_b) == (4, 4, 0)


UNLIKE = [
    # what, change of the manifest, facts of b's samples, words of the error
    ("suite", {"suite": {**MANIFEST["suite"], "sha256": "6" * 64}}, {}, "suite.sha256"),
    ("counts", {"counts": {"run": 5}}, {}, "counts: 'scaled' -> {"),
    ("stride", {"stride": 4}, {}, "stride"),
    (
        "detector option",
        {"detector": {**MANIFEST["detector"], "options": {"threshold": 0.2}}},
        {},
        "detector.options.threshold: 0.4 -> 0.2",
    ),
    ("tracker", {"tracker": {**MANIFEST["tracker"], "name": "bytetrack"}}, {}, "tracker.name"),
    ("depth", {"depth": {"name": "ground-contact", "version": "1", "options": {}, "fingerprint": {}}}, {}, "depth"),
    ("frames", {}, {"n_frames": 49}, "frames: 81 -> 49"),
]


@pytest.mark.parametrize(("what", "change", "facts", "words"), UNLIKE, ids=[u[0] for u in UNLIKE])
def test_unlike_runs_are_refused_unless_allowed(tmp_path, what, change, facts, words):
    a = model_run(tmp_path, "a", A)
    b = model_run(tmp_path, "b", B, {**MANIFEST, **change}, **facts)
    with pytest.raises(InputError) as error:
        compare_models(a, b)
    assert words in str(error.value)
    assert "--allow-unlike" in str(error.value)
    assert "\n" not in str(error.value)
    found = compare_models(a, b, allow_unlike=True)
    assert len(found.unlike) == 1
    assert words in found.unlike[0]


def test_what_may_differ(tmp_path):
    suite = {**MANIFEST["suite"], "name": "renamed"}
    detector = {
        **MANIFEST["detector"],
        "options": {**MANIFEST["detector"]["options"], "dtype": "bfloat16", "batch": 16},
    }
    change = {"suite": suite, "models": ["b"], "commit": "x", "detector": detector}
    b = model_run(tmp_path, "b", B, {**MANIFEST, **change})
    assert compare_models(model_run(tmp_path, "a", A), b).unlike == ()


def test_one_set_of_videos_is_sent_to_agreement(tmp_path):
    a = model_run(tmp_path, "a", A)
    with pytest.raises(InputError, match=r"8 of 8 videos are the same files.*dsrbench agreement"):
        compare_models(a, a)


def test_two_runs_over_the_videos_of_several_models_are_sent_to_agreement(tmp_path):
    both = [make_sample(0.5, prompt="p", model=model, video_sha256=model) for model in "ab"]
    runs = [write_samples(tmp_path / name, both) for name in ("one-detector", "another")]
    with pytest.raises(InputError, match=r"2 of 2 videos are the same files.*dsrbench agreement"):
        compare_models(*runs)


def test_no_common_prompt(tmp_path):
    other = write_samples(tmp_path / "o", [make_sample(0.5, prompt="elsewhere", model="o")])
    with pytest.raises(InputError, match="no sample of a has the prompt and seed"):
        compare_models(model_run(tmp_path, "a", A), other)


def test_several_models_in_a_run(rendered_run):
    with pytest.raises(InputError, match="say which with --model-a: alpha, beta"):
        compare_models(rendered_run, rendered_run, model_b="beta")
    with pytest.raises(InputError, match="no sample of gamma; it has: alpha, beta"):
        compare_models(rendered_run, rendered_run, model_a="alpha", model_b="gamma")
    found = compare_models(rendered_run, rendered_run, model_a="alpha", model_b="beta")
    assert (found.n_pairs, found.n_only_a, found.n_only_b) == (4, 4, 0)
