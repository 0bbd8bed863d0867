"""`dsrbench align`: fine-tune a model on preferences that DSR-Score makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsrbench.alignment.config import STAGES, TRACKERS
from dsrbench.cli.options import backend_options, parse_seeds, provide_weights, second_detector_option

if TYPE_CHECKING:
    from dsrbench.alignment.comparison import AdapterComparison
    from dsrbench.quality import QualityDifference


@click.command("align", short_help="Fine-tune a model on preferences that DSR-Score makes.")
@click.option(
    "--model",
    default="sprites",
    show_default=True,
    help="`sprites`, a recipe's name, a folder, or a Hub id in the cache.",
)
@click.option("--suite", help="Prompts to train on. [default: dsr-train:train; for the embedded model, sprites-train]")
@click.option(
    "--held-out",
    help="Prompts to evaluate base and adapter on. [default: dsr-core; for the embedded model, sprites-test]",
)
@click.option(
    "--validation",
    metavar="SUITE",
    help="Prompts that every checkpoint is validated on, or none. [default: dsr-train:validation; for the embedded "
    "model, sprites-val; for a --suite of another vocabulary, none]",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Rounds of self-improvement: the adapter of each makes the candidates of the next.",
)
@click.option(
    "--pairs",
    metavar="FILE_OR_DATASET",
    help="Train on these in place of candidates: a file of `dsrbench pairs`, or the split train of a dataset, a folder "
    "or hf://datasets/OWNER/NAME.",
)
@click.option("--candidates", default="0..7", show_default=True, help="Seeds of the candidates of every prompt.")
@click.option(
    "--seeds", default="0..4", show_default=True, help="Seeds of the evaluation, the same for base and adapter."
)
@click.option("--preset", help="Settings by name: spatialalign, the paper's.")
@click.option(
    "-s",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the training, such as beta=30 or max_steps=200.",
)
@click.option("--per-prompt", type=click.IntRange(min=1), help="Most pairs of a prompt. [default: all]")
@click.option(
    "--only", type=click.Choice(STAGES), multiple=True, help="Run this stage alone; may be given more than once."
)
@click.option(
    "--log-with",
    type=click.Choice(TRACKERS),
    multiple=True,
    help="Follow the training in these as well. [default: tensorboard]",
)
@second_detector_option(
    "Another detector, not the reward, that scores the evaluation as well. Its options are "
    "-o second_detector.KEY=VALUE."
)
@click.option("--second", hidden=True, help="The old name of --second-detector.")
@click.option("--dinov2", metavar="MODEL", help="For its quality figure: a folder, a Hub id in the cache, or none.")
@click.option(
    "--clip-iqa", metavar="MODEL", help="CLIP model of the CLIP-IQA figure: a folder, a Hub id in the cache, or none."
)
@backend_options
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for everything; run again to go on."
)
def command(
    model: str,
    suite: str | None,
    held_out: str | None,
    validation: str | None,
    rounds: int,
    pairs: str | None,
    candidates: str,
    seeds: str,
    preset: str | None,
    settings: tuple[str, ...],
    per_prompt: int | None,
    only: tuple[str, ...],
    log_with: tuple[str, ...],
    second_detector: str | None,
    second: str | None,
    dinov2: str | None,
    clip_iqa: str | None,
    protocol: str | None,
    detector: str | None,
    tracker: str | None,
    depth: str | None,
    options: tuple[str, ...],
    offline: bool,
    out: Path,
) -> None:
    """Sample candidates, score them, pair them, encode the pairs, train a LoRA, and compare it with the base.

    The objective is dpo; -s objective=ipo and sft take the same pairs, nft (DiffusionNFT) and rwr (reward-weighted
    regression) take all scored candidates with rewards in place of pairs.

    \b
    dsrbench align --out runs/align
    dsrbench align --model wan2.1-1.3b --preset spatialalign --out runs/wan
    dsrbench align --out runs/align --rounds 3 -s beta=15 -s max_steps=400
    dsrbench align --out runs/nft --rounds 2 --candidates 0..3 -s objective=nft -s max_steps=100
    dsrbench align --out runs/align --pairs hf://datasets/OWNER/NAME
    """
    from dsrbench.alignment.config import AlignConfig
    from dsrbench.alignment.preparation import prepare_alignment
    from dsrbench.backends.registry import split_options
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.evaluation.request import KINDS

    if pairs is not None and rounds > 1:
        raise click.UsageError("--pairs goes with one round: further rounds make candidates of their own")
    if second is not None:
        click.echo("deprecated: --second is now --second-detector", err=True)
    config = AlignConfig(
        model=model,
        out=out,
        suite=suite,
        held_out=held_out,
        validation=validation,
        rounds=rounds,
        pairs=pairs,
        candidate_seeds=parse_seeds(candidates) or (),
        seeds=parse_seeds(seeds) or (),
        per_prompt=per_prompt,
        stages=only or STAGES,
        preset=preset,
        training=_read_settings(settings),
        log_with=log_with or ("tensorboard",),
        protocol=protocol,
        detector=detector,
        tracker=tracker,
        depth=depth,
        options=split_options(options, KINDS),
        second_detector=second_detector if second_detector is not None else second,
        dinov2=dinov2,
        clip_iqa=clip_iqa,
        offline=offline,
    )
    preparation = prepare_alignment(config)
    if preparation.default_note:
        click.echo(f"by default: {preparation.default_note}", err=True)
    provide_weights(*preparation.backends, offline=offline)
    from dsrbench.alignment.rounds import Listener, run_rounds

    with SampleProgress() as progress:
        listener = Listener(
            on_progress=progress.update,
            on_note=lambda line: click.echo(line, err=True),
            on_adapter=lambda adapter: click.echo(f"Adapter: {adapter}"),
            on_comparison=_print_comparison,
        )
        run_rounds(preparation, listener)


def _read_settings(texts: Sequence[str]) -> dict[str, str]:
    """Read settings such as `beta=30`; of a key that was renamed, say what it is called now.

    Raises:
        OptionError: A text of another form.
    """
    from dsrbench.alignment.settings import RENAMED, rename_settings
    from dsrbench.errors import OptionError

    values: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise OptionError(f"expected a setting such as beta=30, got {text!r}")
        if key in RENAMED:
            click.echo(f"deprecated: -s {key}= is now -s {RENAMED[key]}=", err=True)
        values |= rename_settings({key: value})
    return values


def _print_comparison(comparison: AdapterComparison) -> None:
    """Print base beside adapter, by score and by quality."""
    from dsrbench.cli.compare import print_comparison

    click.echo(f"Detector: {comparison.detector}")
    print_comparison(comparison.scores)
    _print_quality(comparison.quality)
    for note in comparison.notes:
        click.echo(note)


def _print_quality(quality: Mapping[str, QualityDifference]) -> None:
    """Print the quality figures as a table."""
    from rich.console import Console

    from dsrbench.quality import FIGURES
    from dsrbench.report.cells import plain_table

    table = plain_table("Quality", "Pairs", "a", "b", "b - a (95 %)", "p")
    for name, row in quality.items():
        change, low, high = (f"{v:+.4f}" for v in (row.difference.difference, row.difference.low, row.difference.high))
        ends = "" if "nan" in low else f" ({low} – {high})"
        figures = f"{row.a:.4f}", f"{row.b:.4f}", change + ends, f"{row.difference.p_value:.4f}"
        table.add_row(FIGURES[name], str(row.n_pairs), *figures)
    Console().print(table)
