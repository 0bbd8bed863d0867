"""Starting the application: its looks and scripts, no address of another host, nothing told to anybody."""

from __future__ import annotations

import os
from importlib.resources import files
from typing import Any

from dsrbench.board.app.site import Site
from dsrbench.board.proposals import taking_proposals
from dsrbench.errors import DSRBenchError, InputError, MissingExtraError
from dsrbench.submission.boxes import MOST_BYTES

PLACE = "DSRBENCH_BOARD"
"""Environment variable of a Space: where its board is."""

SPACE_PORT = "7860"
"""Where a Space's visitors come in."""


def start(site: Site, *, host: str = "127.0.0.1", port: int | None = None, wait: bool = True) -> tuple[Any, str]:
    """Serve a board.

    Args:
        site: The board.
        host: Address to listen at; 0.0.0.0 for every one of this machine.
        port: Port to listen on; None for the first free one from 7860.
        wait: Until interrupted; else return at once.

    Returns:
        The gradio application, to be closed, and its address.

    Raises:
        MissingExtraError: gradio is not installed.
        InputError: The port is taken, or the board is one with login and this is no Space.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio as gr
    except ImportError as error:
        raise MissingExtraError("the leaderboard", error.name or "gradio", "board") from None
    from starlette.middleware import Middleware

    from dsrbench.board.app.bodies import BoundedBodies, own_uploads
    from dsrbench.board.app.login import LoginErrors, check_login
    from dsrbench.board.app.routes import make_routes
    from dsrbench.board.app.shell import build_app

    if site.has_login:
        check_login()
    own_uploads()
    fonts, mono = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]
    app = build_app(site)
    app.space_id = None  # else gradio's page asks huggingface.co and Google for a bar above it
    try:
        _, address, _ = app.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=["api"],
            max_file_size=MOST_BYTES,
            app_kwargs={
                "routes": make_routes(site),
                "middleware": [Middleware(BoundedBodies), Middleware(LoginErrors)],
            },
            theme=gr.themes.Default(primary_hue="blue", font=fonts, font_mono=mono),
            css=read_asset("board.css"),
            head=f"<script>{read_asset('board.js')}{read_asset('scoring.js')}</script>",
        )
    except OSError as error:
        raise InputError(f"{host}:{port or 7860} cannot be listened at ({error}); choose another with --port") from None
    if wait:
        app.block_thread()
    return app, address


def read_asset(name: str) -> str:
    """A file that the page needs."""
    return (files("dsrbench.board.app") / "assets" / name).read_text(encoding="utf-8")


def start_space() -> None:
    """Serve the board of a Space, with the Hub's login, and take in the pull requests of its dataset of submissions.

    `DSRBENCH_BOARD` names the dataset of results, or a folder; `GRADIO_SERVER_PORT` another port than a Space's.

    Raises:
        SystemExit: It cannot be served; says why, in a line.
    """
    try:
        place = os.environ.get(PLACE, "")
        if not place:
            raise InputError(f"set the Space's variable {PLACE} to hf://datasets/OWNER/NAME, the dataset of results")
        site = Site.open(place)
        with taking_proposals(site.intake):
            start(site, host="0.0.0.0", port=int(os.environ.get("GRADIO_SERVER_PORT", SPACE_PORT)))
    except DSRBenchError as error:
        raise SystemExit(f"Error: {error}") from None
