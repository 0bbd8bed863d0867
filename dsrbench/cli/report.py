"""`dsrbench report`: table, summary.json and web page of a run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report", short_help="Table, summary.json and web page of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--standalone",
    is_flag=True,
    help="One file to send around, with the lowest-scoring 50 samples and their videos inside.",
)
def command(run: Path, standalone: bool) -> None:
    """Print the figures of RUN, a finished run folder, and write its report/summary.json and report/index.html.

    \b
    dsrbench report runs/sprites-sprites
    dsrbench report runs/wan --standalone
    """
    from dsrbench.analysis import summarize
    from dsrbench.report import print_least_certain, print_summary, write_page
    from dsrbench.store import Run

    opened = Run.open(run)
    samples = opened.samples()
    print_summary(summarize(samples), opened.manifest)
    print_least_certain(samples)
    click.echo(f"Page: {write_page(opened, standalone=standalone)}")
