"""The two tabs of plain text: how scoring works, and about the board."""

from __future__ import annotations

from html import escape

import dsrbench
from dsrbench.board.app.filters import Values
from dsrbench.board.app.layout import Page, ViewPage, html
from dsrbench.board.app.site import Site
from dsrbench.board.entries import View
from dsrbench.board.records import TIERS
from dsrbench.board.rules import named_suite
from dsrbench.errors import DSRBenchError
from dsrbench.markdown import SITE

SCORING = """<div class="dsr">
<p>A detector and a tracker give the boxes of subject and object in every frame. In each frame the <b>SSR score</b>, in
[−1, 1], says how far a relation holds: the distance of the centres along the relation's axis, measured against the
mean extent of both boxes and capped at 1, times the cosine of the angle to that axis. "Under" measures its distance
against a tenth of the smaller height.</p>
<p>The <b>DSR-Score</b>, in [0, 1], has four parts: how well the first three frames show the initial relation, how far
the subject leaves it, how well the last three frames show the final relation, and how far the subject comes toward it.
It is their sum, divided by 8, plus 1/2. A video passes at 0.7. One with fewer than 20 scored frames has no score and
counts as a failure. (The counts are for 81 frames; for other lengths they are scaled.)</p>
<p>The metric is that of SpatialAlign (arXiv 2602.22745). Try it:</p>
<dsr-scoring></dsr-scoring></div>"""


class ScoringPage(Page):
    """Tab that explains the scoring, with two boxes to drag."""

    id = "scoring"
    title = "How scoring works"

    def _build(self) -> None:
        html("scoring", SCORING)


class AboutPage(ViewPage):
    """Tab that explains the board."""

    id = "about"
    title = "About"

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the text about the board."""
        return about_html(view)


def about_html(view: View) -> str:
    """Return the text about the board: its rules, its suites, and the withdrawn entries."""
    tiers = "".join(f"<li><b>{escape(name)}</b>: {escape(meaning)}</li>" for name, meaning in TIERS.items())
    suites = "".join(f"<li>{_describe_suite(view, name)}</li>" for name in view.rules.suites)
    withdrawn = "".join(
        f"<li>{escape(name)}, {escape(when[:10])}</li>" for name, when in sorted(view.withdrawn.items())
    )
    return (
        '<div class="dsr"><p>This board shows how well text-to-video models put things where the prompt says, when it '
        "says. Every ranked entry comes with the boxes of every frame, so its figures are computed here again, and "
        "anybody can look at every video's boxes and curves.</p>"
        "<p>Entries are ranked with those that were made alike: same prompts, seeds, counts, detector, tracker and "
        "options. Within such a set, tie groups are told apart by a paired test; a position inside a group says "
        f"nothing.</p><h2>What is known of a figure</h2><ul>{tiers}</ul>"
        "<p>Boxes as submitted are taken on trust: a board cannot see from them whether they are of the videos named. "
        "Videos are not uploaded; their hashes are. The certainty of a decision is taken on trust, too: it comes from "
        "other tracks than those submitted. It makes the interval of Accuracy@0.7 wider, never narrower, and no tie "
        "group depends on it.</p>"
        f"<h2>Suites taken</h2><ul>{suites}</ul><p>An account may submit {view.rules.quota} times a day (UTC).</p>"
        + _list("Withdrawn", withdrawn)
        + _list("Not readable, left out", "".join(f"<li>{escape(line)}</li>" for line in view.damaged))
        + f'<p class="quiet">dsrbench {escape(dsrbench.__version__)}, Apache-2.0. '
        f"Documentation: {documentation_links()}.</p></div>"
    )


def _describe_suite(view: View, name: str) -> str:
    seeds = view.rules.suites[name]
    try:
        suite = named_suite(name)
    except DSRBenchError as error:
        return f"{escape(name)}: {escape(str(error))}"
    return f"{escape(name)} {escape(suite.version)}: {len(suite)} prompts, seeds {', '.join(map(str, seeds))}"


def documentation_links() -> str:
    """Return links to pages of the documentation, which open beside the board."""
    pages = {
        "how to submit": "how-to/submit",
        "coverage and statistics": "concepts/statistics",
        "questions": "questions",
    }
    return ", ".join(
        f'<a href="{SITE}{page}/" rel="noopener" target="_blank">{title}</a>' for title, page in pages.items()
    )


def _list(title: str, items: str) -> str:
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""
