"""The page: tabs under a title, restored from a link."""

from __future__ import annotations

from typing import Any

import gradio as gr

from dsrbench.board.app.layout import Page, Updates, Values, safely
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
            gr.HTML(SCORING, elem_id="scoring")

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {}


class AboutPage(Page):
    """What the board is."""

    def __init__(self, site: Site) -> None:
        super().__init__("about", "About")
        self._site = site
        with self.tab:
            self.contents.append(gr.HTML(elem_id="about"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {self.contents[0]: about_html(self._site.board.view())}


def build_app(site: Site) -> gr.Blocks:
    """The application of a board, to be launched by `dsrbench.board.app.serve`."""
    with gr.Blocks(title=site.title, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True) as app:
        head = gr.HTML(elem_id="head")
        with gr.Tabs(elem_id="tabs") as tabs:
            pages: list[Page] = [
                *(BoardPage(site), CurvesPage(site), RelationsPage(site), ComparePage(site), SamplesPage(site)),
                *(PromptsPage(site), ScoringPage(), SubmitPage(site, login=not site.account), AboutPage(site)),
            ]
        for page in pages:
            page.connect()

        def restore(request: gr.Request) -> Updates:
            query = dict(request.query_params)
            page = next((page for page in pages if page.id == query.get("tab")), pages[0])
            view = site.board.view()
            updates: Updates = {head: notice_html(view, view.rules.title or site.title)}
            if page is not pages[0]:
                updates[tabs] = gr.Tabs(selected=page.id)
            return {**updates, **page.show(query)}

        def restore_safely(request: gr.Request) -> Any:
            return safely(restore, request)

        restore_safely.__annotations__["request"] = gr.Request
        outputs = [head, tabs, *(output for page in pages for output in page.outputs)]
        app.load(restore_safely, None, outputs, api_name="restore", queue=False, show_progress="hidden")
    return app
