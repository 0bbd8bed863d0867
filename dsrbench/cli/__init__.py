"""The `dsrbench` command: one file a subcommand, imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from dsrbench import __version__
from dsrbench.errors import DSRBenchError

COMMANDS = {
    "agreement": "Compare two detectors or trackers, or scores with what people say.",
    "align": "Fine-tune a model on preferences that DSR-Score makes.",
    "annotate": "Ask people about the clips of runs, on a page in the browser.",
    "backends": "List backends and their options; fetch their weights.",
    "board": "Check a leaderboard; raise or withdraw its entries.",
    "compare": "Compare two models on the same prompts.",
    "dataset": "Build a dataset from runs; send it to the Hub or fetch one.",
    "doctor": "Say what is installed, which weights are there, and what is missing.",
    "eval": "Generate videos, or take those there are; detect, track, score, report.",
    "explain": "Score one video and write a page that shows why.",
    "judge": "Ask a vision-language model about the clips of a run.",
    "leaderboard": "Show a leaderboard in the browser, and take submissions.",
    "merge": "Join the shards of a run into one.",
    "pairs": "Pair clips that follow their prompt with those that do not.",
    "prompts": "Build, check and show suites of prompts.",
    "report": "Table, summary.json and web page of a run.",
    "rescore": "Compute the figures of a leaderboard's entry again from its boxes.",
    "score": "Score boxes you bring, a JSON line a video.",
    "serve-reward": "Serve DSR-Score as a reward for trainers on other machines.",
    "sprites": "Train the embedded model and its detector anew.",
    "submit": "Pack a run as an entry of a leaderboard; check it, submit it.",
    "upsample": "Extend a suite's prompts with a language model on this machine.",
}
"""Every subcommand with its one-line help; it lives in the module of its name, as a click command `command`."""


class LazyGroup(click.Group):
    """A group that knows its subcommands' names and help, and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List all subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"dsrbench.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the subcommand, naming near matches for a mistyped one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from dsrbench.errors import near_matches

            ctx.fail(f"no command {args[0]!r}{near_matches(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dsrbench")
def group() -> None:
    """Does a text-to-video model put things where the prompt says, when it says?

    Exit codes: 0 done, 2 usage, 3 input, 4 video, 5 backend, 6 run folder, 7 download, 8 some samples failed,
    9 training, 130 interrupted.
    """


def main() -> None:
    """Run the command line; every error raised on purpose becomes one line and its exit code.

    A reader that has read enough, as in `| head -1`, is no error to speak of: click ends with 1, in silence.
    """
    try:
        group(standalone_mode=False)
    except DSRBenchError as error:
        click.echo(f"dsrbench: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("dsrbench: interrupted; what was finished is kept, the same command goes on from there", err=True)
        sys.exit(130)
