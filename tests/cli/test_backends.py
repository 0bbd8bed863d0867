"""`dsrbench backends` and `dsrbench backends pull`, the latter from a real local server."""

from __future__ import annotations

import hashlib
import http.server
import inspect
import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fakes.loopback import LoopbackServer

from dsrbench import cli
from dsrbench.backends.detectors.grid_detectors import PicoDet
from dsrbench.backends.registry import detectors, generators, trackers
from dsrbench.cli import installed
from dsrbench.hub import WeightFile
from dsrbench.sprites import embedded

DATA = bytes(range(256)) * 500


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with LoopbackServer(Handler) as server:
        server.asked = []
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DSRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("DSRBENCH_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def table(monkeypatch, server):
    """PicoDet's table with two small files of the local server in place of the real one."""
    url, digest = f"http://127.0.0.1:{server.server_port}/", hashlib.sha256(DATA).hexdigest()
    files = tuple(WeightFile(name, url + name, digest, len(DATA), "Apache-2.0") for name in ("a.onnx", "b.onnx"))
    monkeypatch.setattr(PicoDet, "weight_files", files)
    return files


def run(*arguments):
    return CliRunner().invoke(cli.group, ["backends", *arguments], catch_exceptions=False)


def main(monkeypatch, capsys, *arguments):
    """The whole command line, in this process: exit code, standard output and error."""
    monkeypatch.setattr(sys, "argv", ["dsrbench", "backends", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, *capsys.readouterr()


def block(text, name, kind=""):
    """The lines of one backend; `kind` tells backends of one name apart."""
    lines = text[text.index(f"{kind.capitalize()}s") if kind else 0 :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"  {name} "))
    end = next((i for i in range(start + 1, len(lines)) if not lines[i].startswith("    ")), len(lines))
    return "\n".join(lines[start:end])


def test_every_backend_is_listed_with_every_option():
    done = run()
    assert done.exit_code == 0
    for registry in (detectors, trackers, generators):
        for name in registry.names():
            cls, text = registry.load(name), block(done.stdout, name, registry.kind)
            assert inspect.getdoc(cls).splitlines()[0] in text
            for key in inspect.signature(cls).parameters:
                assert f" {registry.kind}.{key}=" in text
    assert "detector.threshold=0.05  float" in block(done.stdout, "nanodet")
    assert "detector.any_animal=false  bool" in block(done.stdout, "nanodet")
    assert "tracker.gap=none  int | None" in block(done.stdout, "bytetrack")


def test_weights_are_listed_as_fetched_once_they_are(table):
    assert "weights not fetched (0.3 MB): dsrbench backends pull picodet" in block(run().stdout, "picodet")
    assert run("pull", "picodet").exit_code == 0
    assert "not fetched" not in block(run().stdout, "picodet")
    assert "ready" in block(run().stdout, "picodet")
    assert "takes weights you bring: -o detector.weights=PATH" in block(run().stdout, "yolo")


def test_a_missing_extra_is_listed_with_its_command(monkeypatch):
    real = installed.package_version
    monkeypatch.setattr(installed, "package_version", lambda name: None if name == "ncnn" else real(name))
    assert "ncnn not installed: pip install 'dsrbench[nanodet]'" in block(run().stdout, "nanodet")
    assert "not installed" not in block(run().stdout, "picodet")


BLOCK = "import sys\nfor m in ('ncnn', 'onnxruntime', 'trackers', 'supervision', 'ultralytics', 'torch', 'scipy'):\n"
BLOCK += "    sys.modules[m] = None\n"


def test_listing_imports_no_optional_package():
    code = BLOCK + "sys.argv = ['dsrbench', 'backends']\nfrom dsrbench.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for name in ("nanodet", "yolo", "bytetrack"):
        assert "cannot be used" not in block(done.stdout, name)


def test_a_backend_that_cannot_be_imported_does_not_stop_the_list(monkeypatch):
    monkeypatch.setitem(detectors._builtin, "broken", "dsrbench.nowhere:Nothing")
    done = run()
    assert done.exit_code == 0
    assert "cannot be used: detector 'broken'" in block(done.stdout, "broken")
    assert "Trackers" in done.stdout


def test_pull_fetches_checks_and_says_so(table, cache, server):
    done = run("pull", "picodet")
    assert done.exit_code == 0
    folder = cache / "weights" / "picodet"
    assert [(folder / file.filename).read_bytes() for file in table] == [DATA, DATA]
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(folder / "a.onnx"), str(folder / "b.onnx")]
    assert all("Apache-2.0, fetched, sha256 as expected" in line for line in lines)
    assert server.asked == ["/a.onnx", "/b.onnx"]
    (folder / "b.onnx").write_bytes(b"altered")
    again = run("pull", "picodet").stdout.splitlines()
    assert "already there" in again[0]
    assert "fetched" in again[1]
    assert server.asked == ["/a.onnx", "/b.onnx", "/b.onnx"]


def test_a_terminal_shows_a_bar_a_file(table, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    done = run("pull", "picodet")
    assert done.exit_code == 0
    assert "a.onnx" in done.stderr
    assert "b.onnx" in done.stderr
    assert "\x1b[2K" in done.stderr  # and takes it away again


def test_pull_offline_is_fine_when_all_is_there(table, server):
    run("pull", "picodet")
    assert run("pull", "picodet", "--offline").exit_code == 0
    assert len(server.asked) == 2


@pytest.mark.parametrize("how", ["--offline", "DSRBENCH_OFFLINE"])
def test_pull_offline_asks_nothing(table, server, monkeypatch, capsys, how):
    if how == "--offline":
        arguments = ["pull", "picodet", how]
    else:
        arguments = ["pull", "picodet"]
        monkeypatch.setenv(how, "1")
    code, out, err = main(monkeypatch, capsys, *arguments)
    assert (code, out) == (7, "")
    assert err.startswith("dsrbench: offline")
    assert err.count("\n") == 1
    assert server.asked == []


def test_pull_without_network_is_one_line_and_exit_code_7(monkeypatch, capsys):
    file = WeightFile("a.onnx", "http://nowhere.invalid/a.onnx", "0" * 64, 10, "MIT")
    monkeypatch.setattr(PicoDet, "weight_files", (file,))
    code, out, err = main(monkeypatch, capsys, "pull", "picodet")
    assert (code, out) == (7, "")
    assert [line for line in err.splitlines() if line.strip()] == [err.strip()]
    assert "no network, or no such host" in err


def test_pull_of_other_bytes_is_refused(table, monkeypatch, capsys):
    other = WeightFile("a.onnx", table[0].url, "0" * 64, len(DATA), "MIT")
    monkeypatch.setattr(PicoDet, "weight_files", (other,))
    code, _, err = main(monkeypatch, capsys, "pull", "picodet")
    assert code == 7
    assert "another sha256" in err


def test_a_backend_without_weights_says_so():
    done = run("pull", "assignment")
    assert (done.exit_code, done.stdout) == (0, "tracker 'assignment' has no weights to fetch\n")
    assert "give it yours with -o detector.weights=PATH" in run("pull", "yolo").stdout


def alone(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dsrbench", "backends", *arguments], capture_output=True, text=True, env={**os.environ}
    )


def test_an_unknown_backend_names_near_matches():
    done = alone("pull", "nonodet")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("dsrbench: no backend named 'nonodet'; did you mean 'nanodet'?")
    assert done.stderr.count("\n") == 1


def test_the_real_tables_are_complete():
    done = alone("pull", "nanodet", "--offline")
    assert done.returncode == 7
    assert "nanodet-plus-m_416.param is not in" in done.stderr


def test_usage_errors_end_with_2():
    assert alone("pull").returncode == 2
    assert alone("push").returncode == 2


@pytest.mark.parametrize(("kind", "part"), [("detector", "detector"), ("generator", "model")])
def test_embedded_weights_that_are_absent_or_altered_are_not_called_ready(kind, part, tmp_path, monkeypatch):
    def said():
        text = run().stdout
        return text[text.index(f"{kind.capitalize()}s") :].partition("\n  sprites  ")[2].split("\n", 3)[1]

    folder = tmp_path / part
    monkeypatch.setitem(embedded.EMBEDDED, part, folder)
    assert f"no sprites {part} here" in said()
    assert f"dsrbench sprites train FOLDER; use those with -o {kind}.folder=FOLDER" in said()
    folder.mkdir()
    (folder / embedded.ENTRY[part]).write_text("{}")
    embedded.write_sums(folder)
    assert "ready" in said() or "not installed" in said()
    (folder / embedded.ENTRY[part]).write_text("{ }")
    assert "altered" in said()


def test_a_model_on_the_hub_is_listed_with_the_command_that_fetches_it(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, kind in (("grounding-dino", "detector"), ("sam3", "detector"), ("sam3", "tracker"), ("sam2", "tracker")):
        text = block(run().stdout, name, kind)
        assert re.search(rf"weights not fetched \(.+, .+\): dsrbench backends pull {name}$", text, re.M)
        assert f"{kind}.revision=none" in text


@pytest.mark.parametrize("option", ["--model", "--revision"])
def test_a_backend_without_a_model_on_the_hub_has_none_to_choose(monkeypatch, capsys, option):
    code, out, err = main(monkeypatch, capsys, "pull", "picodet", option, "me/mine")
    assert (code, out) == (3, "")
    assert "detector 'picodet' has no model on the Hub" in err


def test_text_to_video_models_are_listed_by_name_and_whether_they_are_there(monkeypatch, tmp_path, pipeline_folder):
    from huggingface_hub import constants

    from dsrbench.backends.generators.recipe import read_recipe, recipe_names

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def lines():
        text = block(run().stdout, "diffusers", "generator")
        return dict(re.findall(r"^ +([\w.-]+)(?:, [\w.-]+)* +\w.*?/\S+, .*; (.+)$", text, re.M))

    names = set(recipe_names().values())
    assert lines() == {name: f"not fetched: dsrbench backends pull {name}" for name in names}
    place = tmp_path / "hub" / f"models--{read_recipe('ltx').id.replace('/', '--')}"
    shutil.copytree(pipeline_folder("ltx"), place / "snapshots" / ("c" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("c" * 40)
    assert lines()["ltx"] == "ready"
    (place / "snapshots" / ("c" * 40) / "model_index.json").write_text("{")
    assert lines()["ltx"].startswith("not fetched")


def test_inherited_options_are_listed():
    text = run().stdout
    sam2, sort = block(text, "sam2", "tracker"), block(text, "sort", "tracker")
    for line in ("model=facebook/sam2.1-hiera-large  str", "dtype=none  str | None", "storage=none  str | None"):
        assert f"tracker.{line}" in sam2
    assert "tracker.overlap=0.1  float" in sort
    assert "tracker.high" not in sort
