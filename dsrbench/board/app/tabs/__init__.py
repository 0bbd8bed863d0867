"""The tabs of the board, one module each: its controls, and its contents as HTML.

gradio is imported inside functions, so that the HTML is made, served and tested without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dsrbench.board.app.filters import Values
from dsrbench.board.app.layout import Page, ViewPage
from dsrbench.board.app.site import Site
from dsrbench.board.app.tabs.about import AboutPage, ScoringPage
from dsrbench.board.app.tabs.board import BoardPage
from dsrbench.board.app.tabs.compare import ComparePage
from dsrbench.board.app.tabs.curves import CurvesPage
from dsrbench.board.app.tabs.prompts import PromptsPage
from dsrbench.board.app.tabs.relations import RelationsPage
from dsrbench.board.app.tabs.samples import SamplesPage
from dsrbench.board.app.tabs.submit import SubmitPage
from dsrbench.board.entries import View

PAGES: tuple[type[Page], ...] = (
    BoardPage,
    CurvesPage,
    RelationsPage,
    ComparePage,
    SamplesPage,
    PromptsPage,
    ScoringPage,
    SubmitPage,
    AboutPage,
)
"""All tabs, in the order of the page."""

VIEWS: Mapping[str, Callable[[Site, View, Values], str]] = {
    page.id: page.render for page in PAGES if issubclass(page, ViewPage)
}
"""Functions that make the contents of the tabs with an address of their own, by the id of the tab."""
