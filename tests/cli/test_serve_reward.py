"""`dsrbench serve-reward`: what is refused before it listens; the server itself is tested in tests/rewards."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from dsrbench import cli
from dsrbench.cli.serve_reward import TOKEN

pytest.importorskip("uvicorn")

DETECTOR = ["--detector", "sprites-template"]


def run(*arguments, token=""):
    return CliRunner().invoke(cli.group, ["serve-reward", *arguments], env={TOKEN: token})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*DETECTOR, "--host", "0.0.0.0"], "0.0.0.0 can be reached by other machines: give a token"),
        ([*DETECTOR, "--token-file", "absent"], "absent: expected a file with a token"),
        (["--detector", "sprite-template"], "no detector named 'sprite-template'; did you mean 'sprites-template'"),
        ([*DETECTOR, "-o", "detector.foo=1"], "has no option 'foo'"),
        ([*DETECTOR, "--second-detector", "zebra"], "no detector named 'zebra'"),
        ([*DETECTOR, "--guard", "max_flick=2"], "the guard has no option 'max_flick'; did you mean 'max_flicker'"),
        ([*DETECTOR, "--guard", "max_flicker=much"], "option 'max_flicker' of the guard: expected float"),
        ([*DETECTOR, "--guard", "max_flicker=0.5"], "max_flicker must be a factor of at least 1"),
        ([*DETECTOR, "--guard", "penalty=none"], "option 'penalty' of the guard: expected float, got 'none'"),
    ],
)
def test_refused(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = run(*arguments).exception
    assert message in str(error)
    assert "\n" not in str(error)


def test_an_empty_token_file(tmp_path):
    (tmp_path / "token").write_text("\n")
    assert "the file is empty" in str(run(*DETECTOR, "--token-file", str(tmp_path / "token")).exception)


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = run(*DETECTOR, "--port", str(listener.getsockname()[1]))
    assert "cannot listen at" in str(result.exception)
    assert "rewards at http://127.0.0.1" in result.output
