"""Start the application: build the page, serve it with its styles and scripts, and contact no other host."""

from __future__ import annotations

import os
from functools import partial
from html import escape
from importlib.resources import files
from typing import Any

from dsrbench.board.app.site import Site
from dsrbench.board.proposals import taking_proposals
from dsrbench.errors import DSRBenchError, InputError, MissingExtraError
from dsrbench.submission.boxes import MAX_BYTES

PLACE = "DSRBENCH_BOARD"
"""Environment variable of a Space with the place of its board."""

SPACE_PORT = "7860"
"""Port that a Space must listen on."""


def start(site: Site, *, host: str = "127.0.0.1", port: int | None = None, wait: bool = True) -> tuple[Any, str]:
    """Serve a board.

    Args:
        site: The board.
        host: Address to listen at; 0.0.0.0 for every one of this machine.
        port: Port to listen on; None for the first free one from 7860.
        wait: Whether to return only when interrupted.

    Returns:
        The gradio application, to be closed, and its address.

    Raises:
        MissingExtraError: gradio is not installed.
        InputError: The port is taken, or the board has login and this is no Space.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio as gr
    except ImportError as error:
        raise MissingExtraError("the leaderboard", error.name or "gradio", "board") from None
    from starlette.middleware import Middleware

    from dsrbench.board.app.middleware import BoundedBodies, LoginErrors, check_login, own_uploads
    from dsrbench.board.app.routes import make_routes

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
            max_file_size=MAX_BYTES,
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


def build_app(site: Site) -> Any:
    """Return the gradio application of a board: the tabs under a title."""
    import gradio as gr
    from gradio.routes import templates

    from dsrbench.board.app.layout import html
    from dsrbench.board.app.tabs import PAGES

    templates.env.auto_reload = (
        False  # the page's template does not change; a check for changes costs more than the page
    )
    with gr.Blocks(title=site.title, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as app:
        head, link = html("head"), gr.Textbox(visible=False)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            pages = [page(site) for page in PAGES]
        for page in pages:
            page.connect(link, [page.id for page in pages])
        title = partial(title_html, site)
        app.load(title, None, head, api_visibility="private", queue=False, show_progress="hidden")
    return app


def title_html(site: Site) -> str:
    """Return the head of the page: the title of the board, or the site's where it has none or cannot be read."""
    try:
        title = site.board.view().rules.title or site.title
    except DSRBenchError:
        title = site.title
    return f'<div class="dsr"><h1>{escape(title)}</h1></div>'


def read_asset(name: str) -> str:
    """Return the text of a style sheet or script of the page."""
    return (files("dsrbench.board.app") / "assets" / name).read_text(encoding="utf-8")


def start_space() -> None:
    """Serve the board of a Space with the Hub's login, and answer the pull requests to its dataset of submissions.

    `DSRBENCH_BOARD` names the dataset of results, or a folder; `GRADIO_SERVER_PORT` another port than a Space's.

    Raises:
        SystemExit: The board cannot be served; the message gives the reason in one line.
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
