"""The pages of words: how scoring works, the prompts, about."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

import dsrbench
from dsrbench.board.app.columns import share
from dsrbench.board.entries import View
from dsrbench.board.records import TIERS
from dsrbench.board.rules import named_suite
from dsrbench.errors import DSRBenchError
from dsrbench.prompts import Suite
from dsrbench.report.words import asked

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


def prompts_html(view: View, suite: Suite, *, type: str = "", text: str = "") -> str:
    """The prompts of a suite, each with the share of the board's videos of it that pass.

    Args:
        view: The board.
        suite: One of its suites.
        type: Only prompts of this relation type; empty for all.
        text: Only prompts with these words, in any case.
    """
    passed = _pass_rates(view, suite)
    chosen = [
        prompt
        for prompt in suite
        if (not type or prompt.type == type) and all(w in prompt.text.lower() for w in text[:200].lower().split())
    ]
    rows = "".join(
        f'<tr><th scope="row">{escape(prompt.text)}<br><small>{escape(prompt.id)}</small></th>'
        f"<td>{escape(prompt.type)}</td><td>{escape(prompt.subject)} {escape(asked(prompt))}</td>"
        f'<td class="n">{share(passed.get(prompt.id))}</td></tr>'
        for prompt in chosen
    )
    return (
        f'<div class="dsr"><p role="status" class="quiet">{len(chosen)} of {len(suite)} prompts of '
        f"{escape(suite.name)} {escape(suite.version)}, sha256 {suite.sha256[:12]}…</p>"
        '<div class="wide" tabindex="0" role="region" aria-label="Prompts">'
        '<table class="prose"><thead><tr><th scope="col">Prompt</th><th scope="col">Relations</th>'
        '<th scope="col">Asks for</th><th scope="col" class="n">Passed, all entries, %</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _pass_rates(view: View, suite: Suite) -> dict[str, float]:
    """Share of videos that pass 0.7, over the ranked entries of the suite, by prompt id."""
    ids = sorted(prompt.id for prompt in suite)
    rates = []
    for placed in view.entries:
        record = placed.record
        if placed.key and record.passed is not None and record.entry.suite.sha256 == suite.sha256:
            rates.append(record.passed.reshape(len(ids), -1).mean(axis=1))
    return dict(zip(ids, np.mean(rates, axis=0).tolist(), strict=True)) if rates else {}


def about_html(view: View) -> str:
    """What the board is, what it takes, and what was withdrawn."""
    tiers = "".join(f"<li><b>{escape(name)}</b>: {escape(says)}</li>" for name, says in TIERS.items())
    suites = "".join(f"<li>{_describe_suite(view, name)}</li>" for name in view.rules.suites)
    gone = "".join(f"<li>{escape(name)}, {escape(when[:10])}</li>" for name, when in sorted(view.withdrawn.items()))
    return (
        '<div class="dsr"><p>This board shows how well text-to-video models put things where the prompt says, when it '
        "says. Every ranked entry comes with the boxes of every frame, so its figures are computed here again, and "
        "anybody can look at every video's boxes and curves.</p>"
        "<p>Entries are ranked with those that were made alike: same prompts, seeds, counts, detector, tracker and "
        "options. Within such a set, tie groups are told apart by a paired test; a position inside a group says "
        f"nothing.</p><h2>What is known of a figure</h2><ul>{tiers}</ul>"
        "<p>Boxes as submitted are taken on trust: a board cannot see from them whether they are of the videos named. "
        "Videos are not uploaded; their hashes are.</p>"
        f"<h2>Suites taken</h2><ul>{suites}</ul><p>An account may submit {view.rules.quota} times a day (UTC).</p>"
        + _list("Withdrawn", gone)
        + _list("Not readable, left out", "".join(f"<li>{escape(line)}</li>" for line in view.damaged))
        + f'<p class="quiet">dsrbench {escape(dsrbench.__version__)}, Apache-2.0.</p></div>'
    )


def _describe_suite(view: View, name: str) -> str:
    seeds = view.rules.suites[name]
    try:
        suite = named_suite(name)
    except DSRBenchError as error:
        return f"{escape(name)}: {escape(str(error))}"
    return f"{escape(name)} {escape(suite.version)}: {len(suite)} prompts, seeds {', '.join(map(str, seeds))}"


def _list(title: str, items: str) -> str:
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def notice_html(view: View) -> str:
    """That this is not the board of now; empty where it is."""
    return f'<div class="dsr"><p class="notice" role="alert">{escape(view.notice)}</p></div>' if view.notice else ""


def problems_html(lines: Sequence[str], *, head: str) -> str:
    """Why something was not done, every reason."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="dsr"><div class="notice" role="alert"><b>{escape(head)}</b><ul>{items}</ul></div></div>'
