"""Small pieces of HTML that several tabs share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlencode

from dsrbench.board.entries import View
from dsrbench.board.records import TIERS


def share(value: float | None) -> str:
    """Return a share in [0, 1] as a percentage without its sign; a dash where it is unknown.

    >>> share(0.3071), share(None)
    ('30.7', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def link(text: str, **view: str) -> str:
    """Return a link to a view of the board.

    >>> link("a & b", tab="samples", entry="x")
    '<a href="?tab=samples&amp;entry=x">a &amp; b</a>'
    """
    return f'<a href="{escape("?" + urlencode(view))}">{escape(text)}</a>'


def entry_link(name: str) -> str:
    """Return a link to the samples of an entry."""
    return link(name, tab="samples", entry=name)


def tier_badge(tier: str) -> str:
    """Return a tier as a badge, with the meaning of the tier as its title."""
    return f'<span class="badge tier-{escape(tier)}" title="{escape(TIERS.get(tier, ""))}">{escape(tier)}</span>'


def number_heads(titles: Iterable[str]) -> str:
    """Return head cells of number columns; the titles are HTML."""
    return "".join(f'<th scope="col" class="n">{title}</th>' for title in titles)


def wide_table(head: str, rows: Iterable[str], *, caption: str = "", label: str = "", kind: str = "") -> str:
    """Return a table that scrolls sideways on a narrow screen.

    Args:
        head: Cells of the head, as HTML.
        rows: Rows, as HTML.
        caption: Text above the table; empty for none.
        label: Name of the region that a keyboard can scroll; empty for none.
        kind: CSS class of the table; empty for none.
    """
    region = f' tabindex="0" role="region" aria-label="{escape(label)}"' if label else ""
    table = f'<table class="{kind}">' if kind else "<table>"
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"{region}>{table}{title}{body}</table></div>'


def notice_html(view: View) -> str:
    """Return the notice of a view that may be out of date; empty where the view is current."""
    return f'<div class="dsr">{alert(view.notice)}</div>' if view.notice else ""


def alert(text: str) -> str:
    """Return a paragraph that a screen reader announces at once."""
    return f'<p class="notice" role="alert">{escape(text)}</p>'


def problems_html(lines: Sequence[str], *, head: str) -> str:
    """Return a list of the reasons why something was not done, under a heading."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="dsr"><div class="notice" role="alert"><b>{escape(head)}</b><ul>{items}</ul></div></div>'
