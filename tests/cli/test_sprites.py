"""`dsrbench sprites train` on a tiny training: stopped, interrupted, finished; what it says, and refusals."""

from __future__ import annotations

import dataclasses
import io
import signal
import sys

import pytest
from rich.console import Console

from dsrbench import cli
from dsrbench.cli import sprites as command_module
from dsrbench.errors import WeightsError
from dsrbench.sprites.embedded import find_weights_folder, read_sums


def main(monkeypatch, capsys, *arguments):
    """The whole command line, in this process: exit code, standard output and error."""
    monkeypatch.setattr(sys, "argv", ["dsrbench", "sprites", "train", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as exit_:
        return exit_.code, *capsys.readouterr()
    return 0, *capsys.readouterr()


@pytest.fixture
def tiny(monkeypatch):
    """Makes the command train as little as `sprites.tiny` says, in one thread."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from factories.sprites import SETTINGS

    from dsrbench.sprites import train

    threads = torch.get_num_threads()
    monkeypatch.setattr(train, "Settings", lambda: SETTINGS)
    monkeypatch.setattr(command_module, "SECONDS_BETWEEN_LINES", 0)
    yield SETTINGS
    torch.set_num_threads(threads)


def test_a_training_that_is_stopped_interrupted_and_finished(tiny, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "tiny"
    code, out, err = main(monkeypatch, capsys, folder, "--minutes", 0.0001, "--threads", 1)
    assert code == 0
    assert err.startswith(
        f"Training into {folder}: autoencoder, latents, transformer, refinement, detector, depth, depth-latents, "
        "adapter. From nothing about "
    )
    assert "this run ends after 0.0001 minutes at the latest, with a checkpoint" in err
    assert (
        out
        == f"The 0.0001 minutes are over. Go on with: dsrbench sprites train {folder} --minutes 0.0001 --threads 1\n"
    )
    with pytest.raises(WeightsError):
        find_weights_folder("model", folder / "model")

    update = command_module.TrainingProgress.update

    def interrupt(progress, stage, step, steps, loss):
        update(progress, stage, step, steps, loss)
        if (stage, step) == ("transformer", 2):
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(command_module.TrainingProgress, "update", interrupt)
        code, out, err = main(monkeypatch, capsys, folder, "--threads", 1)
    assert (code, out) == (130, "")
    assert "\nautoencoder: done\n" in err
    assert "\ntransformer: 2 of 6, loss " in err
    assert "transformer: 3 of 6" not in err
    assert "interrupted; what was finished is kept" in err
    assert signal.getsignal(signal.SIGINT) is before

    code, out, err = main(monkeypatch, capsys, folder, "--threads", 1)
    assert (code, out.splitlines()) == (
        0,
        [
            f"Model: {folder / 'model'}",
            f"Detector: {folder / 'detector'}",
            f"Depth network: {folder / 'depth'}",
            f"Model for prompts with depth: {folder / 'depth-model'}",
        ],
    )
    assert "transformer: 2 of 6" not in err
    assert "transformer: 3 of 6" in err
    for kind in ("model", "detector"):
        assert find_weights_folder(kind, folder / kind) == folder / kind
        assert "README.md" in read_sums(folder / kind)


def test_a_folder_of_another_training_is_refused(tiny, tmp_path, monkeypatch, capsys):
    from dsrbench.sprites import train

    assert main(monkeypatch, capsys, tmp_path, "--minutes", 0.0001)[0] == 0
    monkeypatch.setattr(train, "Settings", lambda: dataclasses.replace(tiny, seed=1))
    code, _, err = main(monkeypatch, capsys, tmp_path)
    assert code == 6
    assert "begun with other settings" in err


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = main(monkeypatch, capsys, tmp_path / "new")
    assert code == 5
    assert err.startswith("dsrbench: dsrbench sprites train needs the package 'torch'. Install it with: pip install ")
    assert "[sprites]" in err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [[], ["FILE"], ["new", "--minutes", "0"], ["new", "--threads", "0"]])
def test_usage_errors_end_with_2(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "FILE").touch()
    monkeypatch.chdir(tmp_path)
    assert main(monkeypatch, capsys, *arguments)[0] == 2
    assert not (tmp_path / "new").exists()


def test_a_bar_on_a_terminal(monkeypatch):
    with command_module.TrainingProgress() as progress:
        assert progress._bars is None
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr("rich.console.Console", lambda **_: terminal)
    with command_module.TrainingProgress() as progress:
        progress.update("latents", 1, 8, None)
        progress.update("transformer", 300, 9000, 0.5)
        progress.update("transformer", 301, 9000, 1.0)
        (task,) = progress._bars.tasks
        assert (task.description, task.completed, task.total) == ("transformer, loss 0.5100", 301, 9000)
        progress.say("latents: done")
    assert "latents: done" in screen.getvalue()
