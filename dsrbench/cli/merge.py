"""`dsrbench merge`: the shards of a run joined."""

from __future__ import annotations

import click


@click.command("merge", short_help="Join the shards of a run into one.")
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...")
@click.option("--out", metavar="FOLDER_OR_URL", required=True, help="Run folder of the whole.")
@click.option("--partial", is_flag=True, help="Join what is there although shards are missing.")
def command(shards: tuple[str, ...], out: str, partial: bool) -> None:
    """Join run folders made with `dsrbench eval --shard I/N` into the run they are parts of, and report.

    \b
    dsrbench merge runs/wan/shards/* --out runs/wan
    """
    from dsrbench.cli.eval import conclude
    from dsrbench.evaluation.merge import merge_shards
    from dsrbench.store import Run

    run = Run(out)
    for note in merge_shards([Run.open(folder) for folder in shards], run, partial=partial):
        click.echo(f"note: {note}", err=True)
    conclude(run, run.samples())
