"""The page: tabs under a title, restored from a link."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio.routes import templates

from dsrbench.board.app.layout import Page, Updates, Values, ViewPage, html
from dsrbench.board.app.looking import (
    BoardPage,
    ComparePage,
    CurvesPage,
    PromptsPage,
    RelationsPage,
    SamplesPage,
)
from dsrbench.board.app.pages import SCORING
from dsrbench.board.app.site import Site
from dsrbench.board.app.submitting import SubmitPage
from dsrbench.errors import DSRBenchError


class ScoringPage(Page):
    """How scoring works, with two boxes to drag."""

    def __init__(self) -> None:
        super().__init__("scoring", "How scoring works")
        with self.tab:
            html("scoring", SCORING)

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {}


class AboutPage(ViewPage):
    """What the board is."""

    def __init__(self) -> None:
        super().__init__("about", "About")
        with self.tab:
            self.place_view()

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {}


def build_app(site: Site) -> Any:
    """The application of a board, to be launched by `dsrbench.board.app.serve`."""
    templates.env.auto_reload = False  # the page's template does not change; looking for that costs more than the page
    with gr.Blocks(title=site.title, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as app:
        head, link = html("head"), gr.Textbox(visible=False)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            pages: list[Page] = [
                *(BoardPage(site), CurvesPage(site), RelationsPage(site), ComparePage(site), SamplesPage(site)),
                *(PromptsPage(site), ScoringPage(), SubmitPage(site), AboutPage()),
            ]
        ids = [page.id for page in pages]
        for page in pages:
            page.connect(link, ids)

        title = partial(title_html, site)
        app.load(title, None, head, api_visibility="private", queue=False, show_progress="hidden")
    return app


def title_html(site: Site) -> str:
    """The head of the page: the board's own title; the usual one where it has none, or cannot be read."""
    try:
        title = site.board.view().rules.title or site.title
    except DSRBenchError:
        title = site.title
    return f'<div class="dsr"><h1>{escape(title)}</h1></div>'
