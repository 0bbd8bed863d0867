"""`dsrbench compare`: two models on the same prompts and seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dsrbench.analysis import Comparison
    from dsrbench.analysis.statistics import PairedDifference


@click.command("compare", short_help="Compare two models on the same prompts.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("other", metavar="RUN2", type=click.Path(path_type=Path))
@click.option("--model-a", metavar="NAME", help="Which model of RUN, where it has several.")
@click.option("--model-b", metavar="NAME", help="Which model of RUN2, where it has several.")
@click.option("--allow-unlike", is_flag=True, help="Compare although suite, backends, counts or frames differ.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write everything as JSON.")
def command(
    run: Path, other: Path, model_a: str | None, model_b: str | None, allow_unlike: bool, out: Path | None
) -> None:
    """Compare the model of RUN (a) with that of RUN2 (b), paired by prompt and seed; the unscored count as failures.

    \b
    dsrbench compare runs/base runs/aligned
    dsrbench compare runs/both runs/both --model-a wan --model-b cogvideox --out comparison.json
    """
    from dsrbench.analysis import compare_models
    from dsrbench.records import to_json
    from dsrbench.store import LocalDisk, Run

    comparison = compare_models(
        Run.open(run), Run.open(other), model_a=model_a, model_b=model_b, allow_unlike=allow_unlike
    )
    print_comparison(comparison)
    if out is not None:
        text = json.dumps(to_json(comparison), indent=1, allow_nan=False, ensure_ascii=False)
        LocalDisk(out.parent).write_atomic(out.name, text.encode() + b"\n")


def print_comparison(comparison: Comparison) -> None:
    """Print a comparison as tables."""
    from rich.console import Console
    from rich.text import Text

    from dsrbench.report.cells import decimal, percent, plain_table

    console = Console()
    size = f"{comparison.n_pairs} pairs of {comparison.n_prompts} prompts"
    console.print(Text(f"a: {comparison.model_a}\nb: {comparison.model_b}\n{size}"))
    if comparison.n_only_a or comparison.n_only_b:
        console.print(f"without a partner, left out: {comparison.n_only_a} of a, {comparison.n_only_b} of b")
    for line in comparison.unlike:
        console.print(Text(f"not alike - {line}"), style="yellow")
    for line in comparison.notes:
        console.print(Text(f"note: computed differently - {line}"))
    table = plain_table("", "a", "b", "b - a (95 %)", "p")
    accuracies = (percent(comparison.accuracy_a.value), percent(comparison.accuracy_b.value))
    table.add_row("[bold]Accuracy@0.7[/]", *accuracies, *_difference(comparison.difference, 100))
    table.add_row("Coverage", percent(comparison.coverage_a), percent(comparison.coverage_b), "", "")
    sides = (comparison.mean_score_a, comparison.mean_score_b)
    scores = [decimal(side["mean_score"]) for side in sides]
    table.add_row("Mean score, scored only", *scores, "", "")
    for name, label in (("mean_score_low", "  unscored as 0"), ("mean_score_high", "  unscored as 1")):
        bounds = [decimal(side[name]) for side in sides]
        table.add_row(label, *bounds, *_difference(getattr(comparison, name), 1))
    console.print(table)
    relations = plain_table("Relation", "Pairs", "a", "b", "b - a (95 %)", "p")
    for name, row in comparison.by_relation.items():
        shares = (percent(row.accuracy_a.value), percent(row.accuracy_b.value))
        relations.add_row(name, str(row.n_pairs), *shares, *_difference(row.difference, 100))
    console.print(relations)
    prompts = plain_table("Prompt", "a", "b", "Score b - a", title="Where they differ most")
    for prompt in comparison.prompts:
        shares = (percent(prompt.accuracy_a), percent(prompt.accuracy_b))
        prompts.add_row(Text(prompt.prompt_id), *shares, f"{prompt.score_difference:+.3f}")
    if comparison.prompts:
        console.print(prompts)


def _difference(change: PairedDifference, times: int) -> tuple[str, str]:
    """Difference with its interval, in points where `times` is 100, and the p-value."""
    places = 1 if times == 100 else 3
    value, low, high = (f"{times * v:+.{places}f}" for v in (change.difference, change.low, change.high))
    ends = "" if "nan" in low else f" ({low} – {high})"
    return value + ends, f"{change.p_value:.4f}"
