"""`dsrbench submit` to a board on the Hub, and to a model's repository there."""

from __future__ import annotations

import pytest
import yaml
from boardstores import make_store
from click.testing import CliRunner
from entries import write_whole_run
from fakehub import Repo
from huggingface_hub import ModelCard

from dsrbench import cli
from dsrbench.board import Board, Intake
from dsrbench.board.proposals import take_proposals

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def test_from_a_run_to_the_board_and_the_card(hub, request, tmp_path):
    intake = Intake(make_store("hub", request, "board"), make_store("hub", request, "board-submissions"))
    hub.repos["other/model"] = Repo()
    hub.repos["other/model"].commit({"README.md": b"---\nlicense: mit\n---\n# Theirs\n"})
    run = write_whole_run(tmp_path / "run").folder
    args = ["--name", "wan", "--model-id", "other/model", "--to", "hf://datasets/lab/board"]
    done = CliRunner().invoke(cli.group, ["submit", str(run), *args, "--to-model-card", "other/model"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.splitlines()[2:] == [
        f"Submitted: {hub.url}/datasets/lab/board-submissions/discussions/1",
        f"Model card: {hub.url}/datasets/other/model/discussions/1",
    ]
    (answered,) = take_proposals(intake, "lab/board-submissions")
    assert answered.receipt.is_accepted
    assert [placed.name for placed in Board(intake.results).view().entries] == ["wan"]
    proposed = hub.repos["other/model"].proposals[0].files
    assert ModelCard(proposed["README.md"].decode()).data.eval_results[0].metric_name == "Accuracy@0.7"
    (row,) = yaml.safe_load(proposed[".eval_results/dsrbench-dsr-core-mini.yaml"])
    assert row["dataset"]["id"] == "lab/board"
    assert hub.repos["other/model"].files["README.md"] == b"---\nlicense: mit\n---\n# Theirs\n"
