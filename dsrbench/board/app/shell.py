"""The page: tabs under a title, restored from a link."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dsrbench.board.app.layout import Page, Updates, Values, html, safely
from dsrbench.board.app.looking import (
    BoardPage,
    ComparePage,
    CurvesPage,
    PromptsPage,
    RelationsPage,
    SamplesPage,
)
from dsrbench.board.app.pages import SCORING, about_html, notice_html
from dsrbench.board.app.site import Site
from dsrbench.board.app.submitting import SubmitPage


class ScoringPage(Page):
    """How scoring works, with two boxes to drag."""

    def __init__(self) -> None:
        super().__init__("scoring", "How scoring works")
        with self.tab:
            html("scoring", SCORING)

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {}


class AboutPage(Page):
    """What the board is."""

    def __init__(self, site: Site) -> None:
        super().__init__("about", "About")
        self._site = site
        with self.tab:
            self.contents.append(html("about"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {self.contents[0]: about_html(self._site.board.view())}


def build_app(site: Site) -> Any:
    """The application of a board, to be launched by `dsrbench.board.app.serve`."""
    with gr.Blocks(title=site.title, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as app:
        head, link = html("head"), gr.Textbox(visible=False)
        with gr.Tabs(elem_id="tabs") as tabs:
            pages: list[Page] = [
                *(BoardPage(site), CurvesPage(site), RelationsPage(site), ComparePage(site), SamplesPage(site)),
                *(PromptsPage(site), ScoringPage(), SubmitPage(site), AboutPage(site)),
            ]
        ids = [page.id for page in pages]
        for page in pages:
            page.connect(link, ids)

        def arrive(request: gr.Request) -> Updates:
            view = safely(site.board.view)
            wanted = request.query_params.get("tab")
            selected = wanted if wanted in ids else ids[0]
            title = view.rules.title or site.title
            return {head: notice_html(view, title), tabs: gr.Tabs(selected=selected)}

        arrive.__annotations__["request"] = gr.Request
        app.load(arrive, None, [head, tabs], api_name="arrive", queue=False, show_progress="hidden")
    return app
