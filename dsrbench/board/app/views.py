"""What most tabs show, as HTML from the board and the parameters of a link; each at an address of its own.

The page asks for `view/TAB?...` itself, while the rest of it still loads, and again when a control moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

from dsrbench.board.app.columns import ALWAYS, COLUMNS, SHOWN
from dsrbench.board.app.draw import MOST_CURVES, curves_html, heat_html
from dsrbench.board.app.duel import duel_html
from dsrbench.board.app.filters import Filters, list_choices, select
from dsrbench.board.app.pages import about_html, notice_html, problems_html
from dsrbench.board.app.site import Site
from dsrbench.board.app.table import board_html
from dsrbench.board.entries import View
from dsrbench.errors import DSRBenchError

CSV, JSON = "board.csv", "board.json"
"""Addresses of what is shown as a file."""

EVERY = "all"
"""In a menu, in place of a value."""

MOST_KEPT = 32
"""Texts kept for one state of the board."""

Values = Mapping[str, Any]


def view_html(site: Site, tab: str, values: Values) -> str:
    """What a tab shows, under a notice where the store is down.

    Args:
        site: The board.
        tab: A key of `VIEWS`.
        values: Values of the controls by name, or the parameters of a link.
    """
    try:
        view = site.board.view()
    except DSRBenchError as error:
        return problems_html([str(error)], head="The board cannot be shown")
    return notice_html(view) + VIEWS[tab](site, view, values)


def board_view(site: Site, view: View, values: Values) -> str:
    """The tables of the entries that fit, and the same as files."""
    filters, columns = read_filters(values), read_columns(values)
    query = {**filters.link(), **({"columns": ",".join(columns)} if columns != list(SHOWN) else {})}
    address = f"?{urlencode(query)}" if query else ""

    def draw() -> str:
        links = " · ".join(f'<a href="{escape(file + address)}" download>{file}</a>' for file in (CSV, JSON))
        table = board_html(select(view.entries, filters), columns, total=len(view.entries))
        return f'{table}<p class="dsr">What is shown as a file: {links}</p>'

    return keep(view, f"board{address}", draw)


def curves_view(site: Site, view: View, values: Values) -> str:
    """Threshold curves of the entries chosen, or of the first few."""
    return curves_html([view.get(name) for name in read_entries(view, values)])


def relations_view(site: Site, view: View, values: Values) -> str:
    """The heat map of a suite's entries, or of all."""
    suite = pick(values.get("suite"), list_choices(view.entries)["suite"])
    return keep(view, f"relations {suite}", lambda: heat_html(select(view.entries, Filters(suite=suite))))


def compare_view(site: Site, view: View, values: Values) -> str:
    """Two entries side by side."""
    names = list_names(view, boxes=True)
    return duel_html(site.board, *(pick(values.get(name), names) for name in ("a", "b")))


def about_view(site: Site, view: View, values: Values) -> str:
    """What the board is."""
    return about_html(view)


VIEWS: Mapping[str, Callable[[Site, View, Values], str]] = {
    "board": board_view,
    "curves": curves_view,
    "relations": relations_view,
    "compare": compare_view,
    "about": about_view,
}
"""Tabs whose contents stand at an address of their own."""


def keep(view: View, name: str, make: Callable[[], str]) -> str:
    """A text made once for each state of the board."""
    text = view.kept.get(name)
    if text is None:
        if len(view.kept) >= MOST_KEPT:
            view.kept.clear()
        view.kept[name] = text = make()
    return text


def read_filters(values: Values) -> Filters:
    """Filters from controls, or from a link."""
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return Filters.read({name: "" if value == EVERY else value for name, value in texts.items()})


def read_columns(values: Values) -> list[str]:
    """The columns chosen, in their order; the usual ones where a link says nothing that is known."""
    given = values.get("columns")
    wanted = given.split(",") if isinstance(given, str) else SHOWN if given is None else given
    known = not given or any(id in COLUMNS for id in wanted)
    return [id for id in COLUMNS if id in wanted or id in ALWAYS] if known else list(SHOWN)


def read_entries(view: View, values: Values) -> list[str]:
    """Names of the entries to draw; the first few where none is chosen."""
    names, given = list_names(view), values.get("entries")
    wanted = given.split(",") if isinstance(given, str) else given or []
    return [name for name in wanted if name in names][:MOST_CURVES] or names[:4]


def list_names(view: View, *, boxes: bool = False) -> list[str]:
    """Names of the entries, or of those with boxes."""
    return [placed.name for placed in view.entries if placed.record.boxes_sha256 or not boxes]


def pick(value: Any, known: Sequence[str], default: str = "") -> str:
    """A value that is one of those known, else the default."""
    return value if isinstance(value, str) and value in known else default
