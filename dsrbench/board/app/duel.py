"""Two entries side by side: the gain, relation by relation, and the prompts on which they differ most."""

from __future__ import annotations

import functools
import math
from html import escape

from dsrbench.analysis.compare import Comparison, compare_samples
from dsrbench.analysis.statistics import PairedDifference
from dsrbench.board.app.columns import link, share, tier_badge
from dsrbench.board.entries import Board, OpenEntry
from dsrbench.board.ties import Placed
from dsrbench.errors import DSRBenchError


def duel_html(board: Board, a: str, b: str) -> str:
    """The comparison of entry `b` with entry `a`, paired by prompt and seed."""
    if not a or not b or a == b:
        return '<div class="dsr"><p>Choose two entries to compare them, paired by prompt and seed.</p></div>'
    try:
        left, right = board.view().get(a), board.view().get(b)
        if problem := _unlike(left, right):
            return f'<div class="dsr"><p class="notice" role="alert">{escape(problem)}</p></div>'
        found = _compare(_Open(board.open(a)), _Open(board.open(b)))
    except DSRBenchError as error:
        return f'<div class="dsr"><p class="notice" role="alert">{escape(str(error))}</p></div>'
    return f'<div class="dsr">{_headline(left, right, found)}{_relations(found)}{_prompts(a, b, found)}</div>'


class _Open:
    """An open entry, equal to another of the same bytes."""

    def __init__(self, opened: OpenEntry) -> None:
        self.samples, self._id = opened.samples, (opened.record.name, opened.record.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Open) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)


@functools.lru_cache(maxsize=32)
def _compare(a: _Open, b: _Open) -> Comparison:
    return compare_samples(a.samples, b.samples)


def _unlike(a: Placed, b: Placed) -> str:
    """Why two entries cannot be compared; empty where they can."""
    for placed in (a, b):
        if not placed.key:
            return f"{placed.name} has figures alone ({placed.record.tier}); a paired comparison needs its boxes"
    if a.key != b.key:
        return f"{a.name} and {b.name} were not made alike: suite, seeds, counts, detector and tracker must be equal"
    return ""


def _headline(a: Placed, b: Placed, found: Comparison) -> str:
    rows = "".join(
        f'<tr><th scope="row">{link(placed.name, tab="samples", entry=placed.name)} {tier_badge(placed.record.tier)}'
        f'</th><td class="n"><b>{share(accuracy.value)}</b> <small>{share(accuracy.low)}–{share(accuracy.high)}'
        f'</small></td><td class="n">{share(coverage)}</td><td class="n">{scores["mean_score"]:.3f}</td></tr>'
        for placed, accuracy, coverage, scores in (
            (a, found.accuracy_a, found.coverage_a, found.mean_score_a),
            (b, found.accuracy_b, found.coverage_b, found.mean_score_b),
        )
    )
    pair = f" {escape(b.name)} was aligned from {escape(a.name)}." if b.base == a.name else ""
    return (
        f"<p>{escape(b.name)} against {escape(a.name)}, {found.n_pairs} pairs of {found.n_prompts} prompts: "
        f"<b>{_difference(found.difference)}</b> points of Accuracy@0.7, p&nbsp;{_p_value(found.difference)}.{pair}</p>"
        '<div class="wide"><table><thead><tr><th scope="col">Entry</th><th scope="col" class="n">Accuracy@0.7, %</th>'
        '<th scope="col" class="n">Coverage, %</th><th scope="col" class="n">Mean score</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _difference(found: PairedDifference) -> str:
    ends = "" if math.isnan(found.low) else f" ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    return f"{100 * found.difference:+.1f}{ends}"


def _p_value(found: PairedDifference) -> str:
    return "&lt; 0.001" if found.p_value < 0.001 else f"= {found.p_value:.3f}"


def _relations(found: Comparison) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(type)}</th><td class="n">{row.n_pairs}</td>'
        f'<td class="n">{share(row.accuracy_a.value)}</td><td class="n">{share(row.accuracy_b.value)}</td>'
        f'<td class="n">{_difference(row.difference)}</td><td class="n">{_p_value(row.difference)}</td></tr>'
        for type, row in found.by_relation.items()
    )
    heads = ("Pairs", "First, %", "Second, %", "Difference, points", "p")
    head = "".join(f'<th scope="col" class="n">{title}</th>' for title in heads)
    return (
        '<div class="wide"><table><caption>By relation type</caption><thead><tr><th scope="col">Relations</th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _prompts(a: str, b: str, found: Comparison) -> str:
    if not found.prompts:
        return "<p>There is no prompt on which they differ.</p>"
    rows = "".join(
        f'<tr><th scope="row">{escape(prompt.text)}<br><small>{escape(prompt.prompt_id)}</small></th>'
        f'<td class="n">{link(share(prompt.accuracy_a), tab="samples", entry=a, sample=f"{prompt.prompt_id}/")}</td>'
        f'<td class="n">{link(share(prompt.accuracy_b), tab="samples", entry=b, sample=f"{prompt.prompt_id}/")}</td>'
        f'<td class="n">{prompt.score_difference:+.3f}</td></tr>'
        for prompt in found.prompts
    )
    heads = ("First, %", "Second, %", "Mean score")
    head = "".join(f'<th scope="col" class="n">{title}</th>' for title in heads)
    return (
        '<div class="wide"><table class="prose"><caption>Where they differ most</caption><thead><tr>'
        f'<th scope="col">Prompt</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
