"""The site builds without a broken link or reference, and the schemas are those of the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from factories.entries import write_entry
from factories.site import build_site, copy_pages

import dsrbench as package
from dsrbench.cli import COMMANDS, group

ROOT = Path(__file__).parents[2]
BROKEN = {
    "a page": "[x](nowhere.md)",
    "an anchor": "[x](questions.md#nowhere)",
    "a name of the API": "[x][dsrbench.nowhere]",
    "an object of the API": "::: dsrbench.nowhere.Nothing",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = copy_pages(tmp_path_factory.mktemp("site"))
    done = build_site(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.slow
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_reference_fails_the_build(fault, tmp_path):
    folder = copy_pages(tmp_path)
    page = folder / "docs/figures.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\n{BROKEN[fault]}\n", encoding="utf-8")
    assert build_site(folder).returncode != 0


def test_pages_have_every_command_and_public_name(site):
    titles = re.findall(r'<h\d id="([^"]+)"', (site / "reference/cli/index.html").read_text(encoding="utf-8"))
    assert [name for name in COMMANDS if f"dsrbench-{name}" not in titles] == []
    pages = "".join(path.read_text(encoding="utf-8") for path in (site / "reference").rglob("index.html"))
    documented = {name.rpartition(".")[2] for name in re.findall(r'id="(dsrbench\.[\w.]+)"', pages)}
    assert set(package.__all__) - documented == {"__version__"}
    assert "<blockquote" not in pages, "a doctest is shown as a quotation"


def test_the_schemas_are_current():
    command = [sys.executable, str(ROOT / "docs/make_schemas.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr


def faults_of(name, values):
    schema = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return [fault.json_path for fault in jsonschema.Draft202012Validator(schema).iter_errors(values)]


def test_files_fit_their_schemas(tmp_path):
    pytest.importorskip("diffusers")
    run = ["eval", "--limit", "2", "-o", "generator.steps=2", "--out", str(tmp_path / "run")]
    assert CliRunner().invoke(group, run, catch_exceptions=False).exit_code == 0
    for name, path in (("run", "run/run.json"), ("summary", "run/report/summary.json")):
        values = json.loads((tmp_path / path).read_text(encoding="utf-8"))
        assert faults_of(name, values) == []
        assert faults_of(name, {**values, "n_samples": "two"}) == ["$.n_samples"]


def test_an_entry_fits_its_schema(tmp_path):
    values = json.loads((write_entry(tmp_path / "entry") / "entry.json").read_text(encoding="utf-8"))
    assert faults_of("entry", values) == []
    assert faults_of("entry", {**values, "seeds": "0..4"}) == ["$.seeds"]
