"""The whole loop on rendered clips of known truth: run, annotate over HTTP, agreement."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from factories.annotation import serving
from factories.truth import Kind, answer_over_http, read_truth, render_clips

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from dsrbench import evaluate
from dsrbench.annotation.plan import make_plan, read_clips
from dsrbench.cli import group


@pytest.mark.slow
def test_a_perfect_annotator_and_the_score_agree(tmp_path):
    """Sixty prompts, two clips each: the clips that are right score higher than those that are not."""
    kinds = render_clips(tmp_path / "world", 120)
    result = evaluate(
        videos=tmp_path / "world", suite="sprites", detector="sprites", seeds=[0, 1], out=tmp_path / "run"
    )
    truth = read_truth(result.run, kinds)
    plan = make_plan(read_clips([result.run.folder]), n_clips=500, n_pairs=0, repeats=0.1)
    with serving(plan, tmp_path / "labels") as server:
        ((_, link),) = server.links()
        assert answer_over_http(link, truth, tmp_path) == 132
    out = tmp_path / "people.json"
    words = [
        "agreement",
        result.run.folder,
        "--human",
        tmp_path / "labels",
        "--out",
        out,
        "--pages",
        tmp_path / "pages",
    ]
    done = CliRunner().invoke(group, list(map(str, words)))
    assert done.exit_code == 0, done.output
    people = json.loads(out.read_text())
    score = people["score"]
    print({name: score[name] for name in ("auc", "agreeing", "threshold", "spearman")})
    assert score["n_decided"] == 120
    assert people["consistency"]["value"] == 1
    assert score["auc"]["value"] >= 0.99
    assert score["auc"]["low"] >= 0.97
    assert score["agreeing"]["value"] >= 0.95
    assert 0.5 < score["threshold"]["value"] < 0.95
    n_right = sum(kind is Kind.CORRECT for kind in kinds.values())
    assert sum(row["n"] * row["people"] for row in score["by_model"].values()) == pytest.approx(n_right)
    assert all(row["page"] for row in people["largest"])
