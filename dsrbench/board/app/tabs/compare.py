"""The compare tab: two entries side by side, by relation type, and the prompts on which they differ most."""

from __future__ import annotations

import functools
import math
from html import escape

from dsrbench.analysis.compare import Comparison, compare_samples
from dsrbench.analysis.statistics import PairedDifference
from dsrbench.board.app.filters import Values, pick
from dsrbench.board.app.fragments import alert, entry_link, link, number_heads, share, tier_badge, wide_table
from dsrbench.board.app.layout import Updates, ViewPage, update_menu
from dsrbench.board.app.site import Site
from dsrbench.board.entries import Board, OpenEntry, View
from dsrbench.board.ties import Placed
from dsrbench.errors import DSRBenchError


class ComparePage(ViewPage):
    """Tab with two entries."""

    id = "compare"
    title = "Compare"

    def _build(self) -> None:
        import gradio as gr

        with gr.Row():
            self.controls["a"] = gr.Dropdown([], value=None, label="First entry")
            self.controls["b"] = gr.Dropdown([], value=None, label="Second entry")
        super()._build()

    def show(self, values: Values) -> Updates:
        """Return the updates of both menus."""
        names = self.site.board.view().names(with_boxes=True)
        return {menu: update_menu(names, pick(values.get(id), names) or None) for id, menu in self.controls.items()}

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the comparison of the selected entries."""
        names = view.names(with_boxes=True)
        return compare_html(site.board, pick(values.get("a"), names), pick(values.get("b"), names))


def compare_html(board: Board, a: str, b: str) -> str:
    """Return the comparison of entry `b` with entry `a`, paired by prompt and seed."""
    if not a or not b or a == b:
        return '<div class="dsr"><p>Choose two entries to compare them, paired by prompt and seed.</p></div>'
    try:
        left, right = board.view().get(a), board.view().get(b)
        if problem := _unlike(left, right):
            return f'<div class="dsr">{alert(problem)}</div>'
        comparison = _compare(_Open(board.open(a)), _Open(board.open(b)))
    except DSRBenchError as error:
        return f'<div class="dsr">{alert(str(error))}</div>'
    tables = _headline(left, right, comparison) + _relations(comparison) + _prompts(a, b, comparison)
    return f'<div class="dsr">{tables}</div>'


class _Open:
    """An open entry, equal to another with the same files; the key of a cache."""

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
    """Return why two entries cannot be compared; empty where they can."""
    for placed in (a, b):
        if not placed.key:
            return f"{placed.name} has figures alone ({placed.record.tier}); a paired comparison needs its boxes"
    if a.key != b.key:
        return f"{a.name} and {b.name} were not made alike: suite, seeds, counts, detector and tracker must be equal"
    return ""


def _headline(a: Placed, b: Placed, comparison: Comparison) -> str:
    rows = (
        f'<tr><th scope="row">{entry_link(placed.name)} {tier_badge(placed.record.tier)}'
        f'</th><td class="n"><b>{share(accuracy.value)}</b> <small>{share(accuracy.low)}–{share(accuracy.high)}'
        f'</small></td><td class="n">{share(coverage)}</td><td class="n">{scores["mean_score"]:.3f}</td></tr>'
        for placed, accuracy, coverage, scores in (
            (a, comparison.accuracy_a, comparison.coverage_a, comparison.mean_score_a),
            (b, comparison.accuracy_b, comparison.coverage_b, comparison.mean_score_b),
        )
    )
    pair = f" {escape(b.name)} was aligned from {escape(a.name)}." if b.base == a.name else ""
    head = '<th scope="col">Entry</th>' + number_heads(["Accuracy@0.7, %", "Coverage, %", "Mean score"])
    gain, p_value = _difference(comparison.difference), _p_value(comparison.difference)
    return (
        f"<p>{escape(b.name)} against {escape(a.name)}, {comparison.n_pairs} pairs of {comparison.n_prompts} prompts: "
        f"<b>{gain}</b> points of Accuracy@0.7, p&nbsp;{p_value}.{pair}</p>"
        f"{wide_table(head, rows)}"
    )


def _difference(difference: PairedDifference) -> str:
    low, high = difference.low, difference.high
    ends = "" if math.isnan(low) else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{100 * difference.difference:+.1f}{ends}"


def _p_value(difference: PairedDifference) -> str:
    return "&lt; 0.001" if difference.p_value < 0.001 else f"= {difference.p_value:.3f}"


def _relations(comparison: Comparison) -> str:
    rows = (
        f'<tr><th scope="row">{escape(type)}</th><td class="n">{row.n_pairs}</td>'
        f'<td class="n">{share(row.accuracy_a.value)}</td><td class="n">{share(row.accuracy_b.value)}</td>'
        f'<td class="n">{_difference(row.difference)}</td><td class="n">{_p_value(row.difference)}</td></tr>'
        for type, row in comparison.by_relation.items()
    )
    head = number_heads(["Pairs", "First, %", "Second, %", "Difference, points", "p"])
    return wide_table(f'<th scope="col">Relations</th>{head}', rows, caption="By relation type")


def _prompts(a: str, b: str, comparison: Comparison) -> str:
    if not comparison.prompts:
        return "<p>There is no prompt on which they differ.</p>"
    rows = (
        f'<tr><th scope="row">{escape(prompt.text)}<br><small>{escape(prompt.prompt_id)}</small></th>'
        f'<td class="n">{link(share(prompt.accuracy_a), tab="samples", entry=a, sample=f"{prompt.prompt_id}/")}</td>'
        f'<td class="n">{link(share(prompt.accuracy_b), tab="samples", entry=b, sample=f"{prompt.prompt_id}/")}</td>'
        f'<td class="n">{prompt.score_difference:+.3f}</td></tr>'
        for prompt in comparison.prompts
    )
    head = number_heads(["First, %", "Second, %", "Mean score"])
    return wide_table(f'<th scope="col">Prompt</th>{head}', rows, caption="Where they differ most", kind="prose")
