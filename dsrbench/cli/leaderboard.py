"""`dsrbench leaderboard`: the leaderboard as a local application."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("leaderboard", short_help="Show a leaderboard in the browser, and take submissions.")
@click.argument("board", default="board")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for a whole network."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen at. [default: the first free from 7860]")
@click.option("--account", default="local", show_default=True, help="Name under which everybody submits.")
@click.option("--videos", type=click.Path(path_type=Path), help="Folder of videos, shown with their boxes.")
@click.option("--read-only", is_flag=True, help="Take no submissions.")
def command(board: str, host: str, port: int | None, account: str, videos: Path | None, read_only: bool) -> None:
    """Serve the board in the folder BOARD, made if need be, or in datasets on the Hub, until interrupted.

    There is no login: whoever reaches the address submits as --account. Of a board on the Hub, pull requests to its
    dataset of submissions are taken in as well, where your token may write.

    \b
    dsrbench leaderboard lab-board --videos runs/
    dsrbench leaderboard hf://datasets/OWNER/NAME --read-only
    """
    from dsrbench.board.app import Site
    from dsrbench.board.app.serve import start
    from dsrbench.board.proposals import taking_proposals

    site = Site.open(board, account=account, videos=videos, read_only=read_only)
    app, address = start(site, host=host, port=port, wait=False)
    click.echo(f"{site.board.results.shown} at {address} (end with Ctrl-C)")
    with taking_proposals(site.intake):
        app.block_thread()
