"""`dsrbench dataset`: runs as a dataset in the Hub's form."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("dataset", short_help="Build a dataset from runs; send it to the Hub or fetch one.")
def command() -> None:
    """Build a dataset from finished runs, send it to the Hub, or fetch one.

    \b
    dsrbench dataset build runs/wan --out data/wan --licence apache-2.0
    dsrbench dataset push data/wan OWNER/NAME --private
    dsrbench dataset pull OWNER/NAME --out data/wan
    """


@command.command("build")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the dataset.")
@click.option(
    "--videos",
    type=click.Choice(["inside", "files"]),
    default="inside",
    show_default=True,
    help="Where videos are: inside the Parquet tables, or files beside them.",
)
@click.option("--threshold", type=float, default=0.7, show_default=True, help="Lowest score of a winner.")
@click.option("--keep-invalid", is_flag=True, help="Keep videos whose score is invalid, without a label.")
@click.option(
    "--near-duplicates",
    type=float,
    default=4.0,
    show_default=True,
    metavar="BITS",
    help="Drop a video that differs from another of its prompt and label in at most so many of 64 bits a frame; -1 "
    "keeps all.",
)
@click.option("--per-prompt", type=int, default=16, show_default=True, help="Most rows of a prompt; 0 for all.")
@click.option(
    "--balance",
    type=float,
    default=2.0,
    show_default=True,
    help="Most rows of a type of relations, in times the median type; 0 for all.",
)
@click.option(
    "--validation", type=float, default=0.1, show_default=True, help="Share of prompts, where the suite has no splits."
)
@click.option("--test", type=float, default=0.1, show_default=True, help="Share of the prompts in the split test.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed of splits and selections."
)
@click.option(
    "--shard-mb",
    type=click.FloatRange(min=0, min_open=True),
    default=256,
    show_default=True,
    help="Most megabytes of video in a shard.",
)
@click.option("--name", help="What the card calls the dataset. [default: the folder's name]")
@click.option(
    "--license",
    "--licence",
    "licence",
    default="unknown",
    show_default=True,
    help="The Hub's identifier of its license.",
)
@click.option("--partial", is_flag=True, help="Leave out videos that are missing or were changed.")
@click.option("--force", is_flag=True, help="Throw away what the folder holds of another dataset.")
def build_command(
    runs: tuple[str, ...],
    out: Path,
    videos: str,
    threshold: float,
    keep_invalid: bool,
    near_duplicates: float,
    per_prompt: int,
    balance: float,
    validation: float,
    test: float,
    seed: int,
    shard_mb: float,
    name: str | None,
    licence: str,
    partial: bool,
    force: bool,
) -> None:
    """Build a dataset from finished runs of one suite. Run it again to go on where it stopped.

    \b
    dsrbench dataset build runs/wan --out data/wan --licence apache-2.0
    dsrbench dataset build runs/wan runs/cogvideox --out data/both --per-prompt 8
    """
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.dataset import Form, Rules, build_dataset, describe

    rules = Rules(threshold, keep_invalid, near_duplicates, per_prompt, balance, validation, test, seed)
    form = Form(videos == "inside", shard_mb * 1e6, name or out.resolve().name, licence)
    with SampleProgress() as progress:
        report = build_dataset(runs, out, rules=rules, form=form, partial=partial, force=force, tell=progress.update)
    rows = ", ".join(f"{split} {count}" for split, count in report.rows.items())
    click.echo(f"{sum(report.rows.values())} rows of {report.n_samples} samples: {rows}")
    click.echo(f"Dropped: {describe(report.dropped)}")
    click.echo(f"Card: {out / 'README.md'}")


@command.command("push")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Make it private; a public one that is there is refused.")
def push_command(folder: Path, repo: str, private: bool) -> None:
    """Send the dataset in DIR to the Hub, and print its revision; the same command goes on with a push that stopped.

    The token is the one of `hf auth login`, or of HF_TOKEN; it must be allowed to write to OWNER.
    """
    from dsrbench.cli.progress import SampleProgress
    from dsrbench.dataset import push_dataset

    with SampleProgress() as progress:
        commit = push_dataset(folder, repo, private=private, tell=progress.update)
    click.echo(f"hf://datasets/{repo}@{commit}")


@command.command("pull")
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder. [default: the Hub's cache]")
@click.option("--revision", metavar="REV", help="A branch, tag or commit. [default: main]")
def pull_command(repo: str, out: Path | None, revision: str | None) -> None:
    """Fetch a dataset from the Hub, print its revision and folder; what is there already is not fetched again."""
    from dsrbench.dataset import pull_dataset

    place, report, commit = pull_dataset(repo, out=out, revision=revision)
    click.echo(f"{place}@{commit}" if commit else str(place))
    click.echo(f"Folder: {report}")
