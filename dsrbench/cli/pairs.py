"""`dsrbench pairs`: preference pairs of runs and datasets."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pairs", short_help="Pair clips that follow their prompt with those that do not.")
@click.argument("sources", nargs=-1, required=True, metavar="RUN_OR_DATASET...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File of pairs; videos that are inside a dataset's tables are written to videos/ beside it.",
)
@click.option("--split", default="train", show_default=True, help="Of datasets: which split.")
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Lowest score of a winner.")
@click.option("--margin", type=float, default=0.0, show_default=True, help="Least difference of a pair's scores.")
@click.option("--per-prompt", type=click.IntRange(min=1), help="Most pairs of a prompt. [default: all]")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed of the selection of pairs."
)
def command(
    sources: tuple[str, ...],
    out: Path,
    split: str,
    threshold: float,
    margin: float,
    per_prompt: int | None,
    seed: int,
) -> None:
    """Write preference pairs: of one prompt a clip that scores at least the threshold, and a scored one below it.

    \b
    dsrbench pairs runs/wan --out pairs/pairs.jsonl --per-prompt 8
    dsrbench pairs hf://datasets/OWNER/NAME --out pairs/pairs.jsonl --margin 0.2
    dsrbench align --pairs pairs/pairs.jsonl --out runs/align
    """
    from dsrbench.dataset import pair_sources

    report = pair_sources(
        sources, out, split=split, threshold=threshold, margin=margin, per_prompt=per_prompt, seed=seed
    )
    click.echo(str(report))
    click.echo(f"Pairs: {out}")
