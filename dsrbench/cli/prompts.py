"""`dsrbench prompts`: suites built from recipes, checked by rules, and shown."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.errors import PromptError

if TYPE_CHECKING:
    from dsrbench.prompts import Suite
    from dsrbench.prompts.lint import Finding

SHOWN = 20
"""Findings the table lists."""


@click.group("prompts", short_help="Build, check and show suites of prompts.")
def command() -> None:
    """Build, check and show suites of prompts.

    \b
    dsrbench prompts list
    dsrbench prompts show dsr-core --limit 5 --wording all
    dsrbench prompts build dsr-core --out dsr-core.jsonl
    dsrbench prompts lint prompts.csv --against dsr-train
    """


@command.command("list")
def list_command() -> None:
    """List the suites that come with the package."""
    from rich.console import Console

    from dsrbench.prompts import list_suites, read_suite
    from dsrbench.prompts.recipe import list_recipes
    from dsrbench.report.cells import plain_table

    table = plain_table("Suite", "Version", "Prompts", "Types", "Recipe", "sha256")
    for name in list_suites():
        suite = read_suite(name)
        types = len({prompt.type for prompt in suite})
        recipe = "yes" if name in list_recipes() else "-"
        table.add_row(name, suite.version, str(len(suite)), str(types), recipe, suite.sha256[:12])
    Console().print(table)


@command.command("show")
@click.argument("suite")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many prompts.")
@click.option("--wording", default="default", show_default=True, help="all, a name, names with commas, or 0..N.")
@click.option("--json", "as_json", is_flag=True, help="Every field, a JSON object a line: a suite's file.")
def show_command(suite: str, limit: int | None, wording: str, as_json: bool) -> None:
    """Print the prompts of SUITE: a name, NAME:SPLIT, a JSONL or a CSV file."""
    from dsrbench.prompts import describe_prompt, read_suite
    from dsrbench.prompts.suites import Suite
    from dsrbench.prompts.wordings import expand_wordings, parse_wordings

    read = read_suite(suite)
    shown = expand_wordings(Suite(read.name, read.version, read.prompts[:limit]), parse_wordings(wording))
    for prompt in shown:
        click.echo(
            json.dumps(describe_prompt(prompt), ensure_ascii=False) if as_json else f"{prompt.id}  {prompt.text}"
        )


@command.command("read")
@click.argument("text")
def read_command(text: str) -> None:
    """Print what the grammar reads in TEXT: the claims, and notes about what it reads otherwise or leaves out.

    \b
    dsrbench prompts read "a frog perched on a refrigerator in a busy kitchen, front view"
    """
    from dsrbench.prompts import read_prompt

    reading = read_prompt(text)
    for clause in reading.prompt.clauses:
        click.echo(f"{clause.type}  {' | '.join(clause.nouns)}")
    if reading.prompt.scene:
        click.echo(f"scene: {reading.prompt.scene}")
    for note in reading.notes:
        click.echo(f"note: {note}")


def ignore_option(function: click.decorators.FC) -> click.decorators.FC:
    """Add `--ignore` to a command."""
    return click.option(
        "--ignore", multiple=True, metavar="RULE", help="A rule to leave out; may be given several times."
    )(function)


@command.command("build")
@click.argument("recipe")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file. [default: SUITE.jsonl]")
@ignore_option
def build_command(recipe: str, out: Path | None, ignore: tuple[str, ...]) -> None:
    """Build the suite of RECIPE: a name of the package's, or a JSON file.

    The same recipe gives the same bytes. A suite that breaks a rule is not written.
    """
    from dsrbench.prompts import read_suite, write_suite
    from dsrbench.prompts.builder import build_suite
    from dsrbench.prompts.lint import lint_suite
    from dsrbench.prompts.recipe import read_recipe

    read = read_recipe(recipe)
    suite = build_suite(read)
    findings = lint_suite(suite, against=[read_suite(name) for name in read.apart_from], ignore=ignore)
    errors = [finding for finding in findings if finding.is_error]
    if errors:
        first = errors[0]
        raise PromptError(
            f"the suite breaks {len(errors)} rules and is not written, first {first.rule}: "
            f"{_line(first)}; change the recipe, or leave a rule out with --ignore {first.rule}"
        )
    out = out or Path(f"{suite.name}.jsonl")
    write_suite(suite, out)
    click.echo(f"{out}  {len(suite)} prompts, version {suite.version}, sha256 {suite.sha256}")


@command.command("lint")
@click.argument("suite")
@click.option("--against", multiple=True, metavar="SUITE", help="A suite it must share no subject, object, scene with.")
@ignore_option
@click.option("--json", "as_json", is_flag=True, help="Every finding, as JSON.")
def lint_command(suite: str, against: tuple[str, ...], ignore: tuple[str, ...], as_json: bool) -> None:
    """Check SUITE by rule: a name, NAME:SPLIT, a JSONL or a CSV file. Ends with 3 if a rule is broken."""
    from dsrbench.prompts import read_suite
    from dsrbench.prompts.lint import lint_suite

    read = read_suite(suite)
    findings = lint_suite(read, against=[read_suite(name) for name in against], ignore=ignore)
    if as_json:
        click.echo(json.dumps(_report(read, findings, ignore), indent=1, ensure_ascii=False))
    else:
        _print_findings(findings, ignore)
    broken = collections.Counter(finding.rule for finding in findings if finding.is_error)
    if broken:
        shown = ", ".join(f"{rule} {count}" for rule, count in broken.items())
        raise PromptError(f"suite {read.name!r} breaks {len(broken)} rules ({shown})")
    if not as_json:
        click.echo(f"{read.name}: {len(read)} prompts, nothing found that breaks a rule")


def _report(suite: Suite, findings: Sequence[Finding], ignore: Sequence[str]) -> dict[str, object]:
    head = {"suite": suite.name, "version": suite.version, "sha256": suite.sha256, "n_prompts": len(suite)}
    return {
        **head,
        "ignored": list(ignore),
        "n_errors": sum(finding.is_error for finding in findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }


def _print_findings(findings: Sequence[Finding], ignore: Sequence[str]) -> None:
    from rich.console import Console
    from rich.text import Text

    from dsrbench.prompts.lint import RULES
    from dsrbench.report.cells import plain_table

    console, counts = Console(), collections.Counter(finding.rule for finding in findings if finding.is_error)
    table = plain_table("Rule", "Broken")
    for name in RULES:
        table.add_row(name, "ignored" if name in ignore else str(counts[name] or "-"))
    console.print(table)
    for finding in findings[:SHOWN]:
        console.print(Text(f"{'' if finding.is_error else 'note, '}{finding.rule}: {_line(finding)}"))
    if len(findings) > SHOWN:
        console.print(f"and {len(findings) - SHOWN} more; --json lists them all")


def _line(finding: Finding) -> str:
    return f"{', '.join(finding.ids)}: {finding.message}" if finding.ids else finding.message
