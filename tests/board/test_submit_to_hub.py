"""`dsrbench submit` to a board on the Hub, and to a model's repository there."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
import yaml
from click.testing import CliRunner
from factories.board_stores import make_store
from factories.entries import write_whole_run
from factories.served_board import SERVED, serving
from fakes.hub import Repo
from huggingface_hub import ModelCard

from dsrbench import cli
from dsrbench.board import Board, Intake
from dsrbench.board.proposals import take_proposals, taking_proposals

pytestmark = [pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"), *SERVED]


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


@pytest.mark.slow
def test_what_is_submitted_shows_on_a_board_that_is_served(hub, request, tmp_path):
    httpx = pytest.importorskip("httpx")
    pytest.importorskip("gradio")
    from dsrbench.board.app import Site

    intake = Intake(make_store("hub", request, "board"), make_store("hub", request, "board-submissions"))
    site = Site(Board(intake.results, fresh=0.1), intake, account="lab")
    hub.tokens["of-ann"] = {"ann"}
    run = write_whole_run(tmp_path / "run").folder
    args = ["submit", str(run), "--name", "wan", "--model-id", "other/model", "--to", "hf://datasets/lab/board"]
    given = {**os.environ, **hub.environment(HF_TOKEN="of-ann"), "HF_HOME": str(tmp_path / "cache")}

    def shown(address):
        return [(row["name"], row["account"]) for row in httpx.get(f"{address}/board.json").json()["entries"]]

    with serving(site) as address, taking_proposals(intake, every=0.2):
        assert shown(address) == []
        subprocess.run([sys.executable, "-m", "dsrbench", *args], env=given, check=True)
        until = time.monotonic() + 30
        while not shown(address) and time.monotonic() < until:
            time.sleep(0.2)
        assert shown(address) == [("wan", "ann")]
