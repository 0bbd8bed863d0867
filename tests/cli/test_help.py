"""Help: of every command, true to its module, and cheap."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from clips import dsrbench

from dsrbench import __version__, cli
from dsrbench.backends.registry import detectors, trackers
from dsrbench.errors import DSRBenchError


def test_commands_are_the_modules():
    assert list(cli.COMMANDS) == sorted(cli.COMMANDS)
    with_command = {
        path.stem.replace("_", "-")
        for path in Path(cli.__file__).parent.glob("*.py")
        if re.search(r"^@click\.(command|group)\(\"", path.read_text(), re.M) and path.stem != "__init__"
    }
    assert set(cli.COMMANDS) == with_command


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_of_every_command(name):
    command = importlib.import_module(f"dsrbench.cli.{name.replace('-', '_')}").command
    assert command.name == name
    done = CliRunner().invoke(cli.group, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith(
        f"Usage: dsrbench {name}" if "dsrbench" in done.output[:20] else f"Usage: group {name}"
    )
    # the sentence in the list of commands is that of the command itself
    summary = cli.COMMANDS[name]
    assert summary.endswith(".")
    assert command.get_short_help_str(200).split()[:2] == summary.split()[:2]
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"
            assert parameter.opts[0] in done.output
    assert max(map(len, done.output.splitlines())) <= 110


def every_command(command, path=()):
    """A command and those below it, each with its words."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, (*path, name))


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_shows_examples_one_a_line(name):
    command = importlib.import_module(f"dsrbench.cli.{name.replace('-', '_')}").command
    for path, below in every_command(command, (name,)):
        shown = CliRunner().invoke(cli.group, [*path, "--help"]).output
        examples = [line.strip() for line in below.help.splitlines() if line.strip().startswith("dsrbench ")]
        assert all(f"\n  {example}\n" in shown for example in examples), shown
        assert "\\b" not in shown
        assert examples or len(path) > 1 or "A line: {" in shown, f"{name} has no example"


def test_the_defaults_shown_are_backends_there_are():
    done = CliRunner().invoke(cli.group, ["eval", "--help"])
    shown = re.findall(r"\[default: (\w+)\]", done.output)
    assert set(shown) & set(detectors.names())
    assert set(shown) & set(trackers.names())


def test_the_list(tmp_path):
    done = dsrbench("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name, summary in cli.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", done.stdout, re.M)
    # without arguments, the same as a usage error
    bare = dsrbench(cwd=tmp_path)
    assert bare.returncode == 2
    assert "Commands:" in bare.stdout + bare.stderr


def test_the_exit_codes_told_are_those_of_the_errors():
    def codes(cls):
        return {cls.exit_code}.union(*map(codes, cls.__subclasses__()))

    told = {int(code) for code in re.findall(r"(\d+) [a-z]", cli.group.help.partition("Exit codes:")[2])}
    assert told == (codes(DSRBenchError) - {1}) | {0, 2, 130}


def test_the_version(tmp_path):
    assert dsrbench("--version", cwd=tmp_path).stdout == f"dsrbench, version {__version__}\n"


def test_a_mistyped_command_names_near_matches(tmp_path):
    done = dsrbench("scroe", cwd=tmp_path)
    assert done.returncode == 2
    assert "no command 'scroe'; did you mean 'score'" in done.stderr


HEAVY = ("numpy", "scipy", "av", "PIL", "pyarrow", "rich", "torch", "onnxruntime", "ncnn", "importlib.metadata")
LIGHT = [
    # arguments, and what they may load of the heavy packages
    (["--help"], set()),
    (["--version"], set()),
    *(([name, "--help"], {"rich"}) for name in sorted(cli.COMMANDS)),
]


@pytest.mark.parametrize(("arguments", "allowed"), LIGHT, ids=[" ".join(arguments) for arguments, _ in LIGHT])
def test_help_loads_next_to_nothing(arguments, allowed):
    code = (
        f"import sys\nsys.argv = ['dsrbench', *{arguments!r}]\nfrom dsrbench.cli import main\n"
        f"try: main()\nexcept SystemExit: pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert loaded <= allowed, "import it inside the command's function"
