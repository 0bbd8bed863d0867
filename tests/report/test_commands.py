"""The three commands as a user runs them."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner
from factories.runs import MANIFEST, SHOWN, write_run
from factories.samples import make_sample, write_tables

from dsrbench.cli import group
from dsrbench.cli.eval import conclude
from dsrbench.errors import InputError, StoreError
from dsrbench.store import Run, RunManifest
from dsrbench.types import FrameCounts


def invoke(*args):
    """Run a command at 80 columns; errors raised on purpose come through."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(group, [str(a) for a in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", SHOWN)


def test_report(run):
    result = invoke("report", run.folder)
    assert result.exit_code == 0
    assert "50.0 % (" in result.output
    assert "83.3 % = 10 of 12" in result.output
    assert max(map(len, result.output.splitlines()[:-1])) <= 80
    page = run.folder / "report/index.html"
    assert str(page) in result.output.replace("\n", "")
    assert page.exists()
    assert json.loads((run.folder / "report/summary.json").read_text())["n_samples"] == 12


def certain_run(folder, p_pass):
    """A run of one sample for each probability of passing."""
    run = Run(folder)
    run.write_manifest(RunManifest.from_json(MANIFEST))
    write_tables(
        run, [make_sample(0.72, prompt=f"p{i}", video=f"clip {i}.mp4", p_pass=p) for i, p in enumerate(p_pass)]
    )
    return run


def test_report_names_the_uncertain_samples(tmp_path):
    result = invoke("report", certain_run(tmp_path, [0.99, 0.4, 0.55, None, 0.8, 0.2, 0.3, 0.35]).folder)
    assert "14.3 % = 1 of 7" in result.output
    head, _, block = result.output.partition("Look at these:")
    names = [line.split()[0] for line in block.splitlines() if "m/" in line]
    assert names == ["m/p5/0", "m/p6/0", "m/p7/0", "m/p1/0", "m/p2/0"]
    assert "clip 2.mp4" in block
    assert block.split("m/p2/0")[1].split()[:5] == ["0.720", "0.620", "–", "0.820", "55.0"]
    assert max(map(len, (head + block).splitlines()[:-1])) <= 80


@pytest.mark.parametrize("p_pass", [[None, None], [1.0, 0.99]])
def test_report_of_certain_samples_names_none(tmp_path, p_pass):
    output = invoke("report", certain_run(tmp_path, p_pass).folder).output
    assert "Look at these" not in output
    assert ("(at least 90 %)" in output) == (p_pass[0] is not None)
    assert ("not known" in output) == (p_pass[0] is None)


def test_eval_names_the_uncertain_samples(tmp_path, capsys):
    run = certain_run(tmp_path, [0.99, 0.4])
    conclude(run, run.samples())
    output = capsys.readouterr().out
    assert "50.0 % = 1 of 2" in output
    block = output.partition("Look at these:")[2]
    assert "m/p1/0" in block
    assert "m/p0/0" not in block
    assert block.index("clip 1.mp4") < block.index("Page: ")


def test_agreement_of_a_run_with_certainties(tmp_path):
    run = certain_run(tmp_path, [0.99, 0.4, 0.55, 1.0])
    output = invoke("agreement", run.folder, run.folder).output
    assert "50.0 % = 2 of 4" in output
    assert "0 of 2" in output


def test_report_standalone(run):
    assert "standalone.html" in invoke("report", run.folder, "--standalone").output.replace("\n", "")


def test_report_of_no_run(tmp_path):
    with pytest.raises(StoreError, match="no run folder"):
        invoke("report", tmp_path)


def test_agreement_with_a_run_and_a_reference(run, tmp_path):
    rows = ["model,video,status,dsr_score"]
    rows += [f"{s.model},{s.video.split('/')[-1]},scored,0.5" for s in run.samples() if s.video]
    (tmp_path / "r.csv").write_text("\n".join(rows))
    curves = [{"model": "alpha", "video": "1000_LR #0.mp4", "initial": [0.0] * 33, "final": [0.0] * 33}]
    (tmp_path / "c.json").write_text(json.dumps(curves))
    out = tmp_path / "out.json"
    result = invoke(
        "agreement", run.folder, "--reference", tmp_path / "r.csv", "--curves", tmp_path / "c.json", "--out", out
    )
    assert result.exit_code == 0
    assert "Spearman" in result.output
    assert "Largest differences" in result.output
    found = json.loads(out.read_text())
    assert (found["n_joined"], found["n_only_here"], found["n_curves"]) == (11, 1, 1)
    assert found["pearson"] is None, "a reference that does not vary"
    same = invoke("agreement", run.folder, run.folder)
    assert "0 of 10" in same.output


@pytest.mark.parametrize("args", [[], ["RUN", "--reference", "x.csv"], ["--curves", "c.json", "RUN"]])
def test_agreement_usage(run, args):
    args = [run.folder if a == "RUN" else a for a in args]
    assert invoke("agreement", run.folder, *args).exit_code == 2


def test_compare(run, tmp_path):
    out = tmp_path / "out.json"
    result = invoke("compare", run.folder, run.folder, "--model-a", "alpha", "--model-b", "beta", "--out", out)
    assert result.exit_code == 0
    assert "4 pairs of 3 prompts" in result.output
    assert "left out: 4 of a, 0 of b" in result.output
    assert json.loads(out.read_text())["n_pairs"] == 4
    assert max(map(len, result.output.splitlines())) <= 80


def test_compare_refuses_and_is_told(tmp_path):
    folders = []
    for model, counts in (("a", "scaled"), ("b", dataclasses.asdict(FrameCounts.published()))):
        other = Run(tmp_path / model)
        other.write_manifest(RunManifest.from_json({**MANIFEST, "counts": counts}))
        write_tables(other, [make_sample(0.5, model=model), make_sample(0.9, prompt="q", model=model)])
        folders.append(other.folder)
    with pytest.raises(InputError, match="counts"):
        invoke("compare", *folders)
    assert "not alike - counts" in invoke("compare", *folders, "--allow-unlike").output
