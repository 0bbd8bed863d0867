"""`dsrbench annotate`: a page on which people answer questions about the clips of runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("annotate", short_help="Ask people about the clips of runs, on a page in the browser.")
@click.argument("runs", metavar="RUN...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default="labels", show_default=True, help="Folder of the answers."
)
@click.option("--clips", type=click.IntRange(0), default=200, show_default=True, help="Maximum number of clips.")
@click.option("--pairs", type=click.IntRange(0), default=100, show_default=True, help="Maximum number of pairs.")
@click.option(
    "--repeats",
    type=click.FloatRange(0, 0.5),
    default=0.05,
    show_default=True,
    help="Share of the clips that are asked again later.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the selection and the orders.")
@click.option(
    "--annotator", "annotators", metavar="NAME", multiple=True, help="Name of an annotator; repeatable. [default: me]"
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; with others each annotator has a secret link.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7870,
    show_default=True,
    help="Port to listen at; 0 for a free one.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all answers in --out as a Parquet file, and serve nothing.",
)
def command(
    runs: tuple[Path, ...],
    out: Path,
    clips: int,
    pairs: int,
    repeats: float,
    seed: int,
    annotators: tuple[str, ...],
    host: str,
    port: int,
    export: Path | None,
) -> None:
    """Serve a page with questions about the clips of each RUN, a finished run folder, until interrupted.

    Annotators see neither models nor scores, each in an order of their own. Answers are kept as they come in
    OUT/NAME.jsonl, and the same command goes on from there; `dsrbench agreement RUN --human OUT` compares them with the
    scores.

    \b
    dsrbench annotate runs/wan runs/aligned --out labels/
    dsrbench annotate runs/wan --annotator ada --annotator ben --host 0.0.0.0
    dsrbench annotate --out labels/ --export labels.parquet
    """
    from dsrbench.annotation.answers import export_answers
    from dsrbench.annotation.plan import make_plan, read_clips
    from dsrbench.annotation.server import open_server

    if export is not None:
        click.echo(f"{export}: {export_answers(out, export)} answers")
        return
    if not runs:
        raise click.UsageError("give at least one RUN, or --export FILE")
    plan = make_plan(read_clips(runs), n_clips=clips, n_pairs=pairs, repeats=repeats, seed=seed)
    if not plan.clips and not plan.pairs:
        raise click.UsageError("there is nothing to ask: give --clips or --pairs of at least 1, or other runs")
    with open_server(plan, annotators or ("me",), out, host=host, port=port) as server:
        click.echo(f"{len(plan.clips)} clips and {len(plan.pairs)} pairs; answers go to {out} (end with Ctrl-C)")
        for session, link in server.links():
            click.echo(f"{session.answers.annotator}: {link} ({session.n_done} of {session.n_tasks} answered)")
        server.serve_forever()
