"""The notebook, cell by cell in a kernel of its own, on a Hub of our own with tiny random weights.

Model, protocol and suite are those of the notebook, fetched by their ids; the figures of such weights mean nothing.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from fakes.hub import FakeHub, Repo

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[2]
PATH = ROOT / "examples/evaluate_cogvideox.ipynb"
SMALL = {"height": 64, "width": 128, "frames": 9, "steps": 1, "dtype": "float32", "offload": "none"}


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(PATH, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_every_setting_has_a_default():
    text = PATH.read_text(encoding="utf-8")
    assert set(re.findall(r"NOTEBOOK_(\w+)", text)) == {"NAME"}
    assert text.count("os.environ") == 1


def text_of(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def repo(folder):
    """The files of a folder as a model on the Hub."""
    model = Repo()
    model.commit({p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    return model


@pytest.fixture
def hub(pipeline_folder, tiny):
    with FakeHub() as hub:
        hub.repos = {
            "zai-org/CogVideoX-2b": repo(pipeline_folder("cogvideox-2b")),
            "IDEA-Research/grounding-dino-base": repo(tiny("grounding_dino")),
            "facebook/sam2.1-hiera-large": repo(tiny("sam2")),
        }
        yield hub


@pytest.mark.slow
def test_it_runs_from_nothing_to_an_entry(request, tmp_path, monkeypatch):
    for package in ("diffusers", "transformers", "ipykernel"):
        pytest.importorskip(package)
    nbclient = pytest.importorskip("nbclient")
    board = tmp_path / "board"
    (board / "results").mkdir(parents=True)
    (board / "results/board.json").write_text(json.dumps({"suites": {"dsr-core-mini": [0]}}))
    settings = {
        "NOTEBOOK_PACKAGE": "",
        "NOTEBOOK_PROTOCOL": "spatialalign",
        "NOTEBOOK_OPTIONS": json.dumps({"generator": SMALL}),
        "NOTEBOOK_BOARD": str(board),
        "DSRBENCH_CACHE": str(tmp_path / "cache"),
        "HF_HOME": str(tmp_path / "home"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    for name, value in request.getfixturevalue("hub").environment(**settings).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "work").mkdir()

    notebook = nbformat.read(PATH, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path / "work")}})
    client.execute()

    texts = {cell.id: text_of(cell) for cell in notebook.cells if cell.cell_type == "code"}
    assert "Required packages" in texts["doctor"]
    assert len(re.findall(r"^fetching (?:zai-org|IDEA-Research|facebook)/", texts["evaluate"], re.M)) == 3
    assert "24 samples of 1 model(s), suite dsr-core-mini: runs/cogvideox-2b" in texts["evaluate"]
    assert "24 of 24" in texts["evaluate"]
    assert re.search(r"^Accuracy@0\.7  [01]\.\d+  95 % interval \[[01]\.\d+, [01]\.\d+\]$", texts["read"], re.M)
    assert re.search(r"^coverage +[01]\.\d+  of 24 clips$", texts["read"], re.M)
    (look,) = (cell for cell in notebook.cells if cell.id == "look")
    pages = [output.data["text/html"] for output in look.outputs if output.output_type == "display_data"]
    assert len(pages) == 2
    assert "data:video/mp4;base64," in pages[0]
    assert "&lt;section" in pages[1]
    assert "cogvideox-2b: 24 samples of dsr-core-mini" in texts["submit"]
    assert f"Accepted: cogvideox-2b on the board in {board}" in texts["submit"]
