"""The relations tab: Accuracy@0.7 of each entry for each relation type, as a table of tinted cells."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dsrbench.board.app.columns import relation_types, relation_value
from dsrbench.board.app.filters import EVERY, Filters, Values, list_choices, pick, select
from dsrbench.board.app.fragments import entry_link, number_heads, share, wide_table
from dsrbench.board.app.layout import Updates, ViewPage, update_menu
from dsrbench.board.app.site import Site
from dsrbench.board.entries import View
from dsrbench.board.ties import Placed


class RelationsPage(ViewPage):
    """Tab with the heat map of a suite's entries, or of all entries."""

    id = "relations"
    title = "Relations"

    def _build(self) -> None:
        import gradio as gr

        self.controls["suite"] = gr.Dropdown([EVERY], value=EVERY, label="Suite")
        super()._build()

    def show(self, values: Values) -> Updates:
        """Return the updates of the menu of suites."""
        suites = list_choices(self.site.board.view().entries)["suite"]
        return {self.controls["suite"]: update_menu([EVERY, *suites], pick(values.get("suite"), suites, EVERY))}

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the heat map."""
        suite = pick(values.get("suite"), list_choices(view.entries)["suite"])
        return view.cached(f"relations {suite}", lambda: heat_html(select(view.entries, Filters(suite=suite))))


def heat_html(entries: Sequence[Placed]) -> str:
    """Return a table of Accuracy@0.7: a row an entry, a column a relation type, each cell tinted by its value."""
    entries = [placed for placed in entries if placed.record.figures.by_relation]
    if not entries:
        return '<div class="dsr"><p>No entry that fits has figures by relation type.</p></div>'
    types = relation_types(entries)
    head = '<th scope="col">Entry</th>' + number_heads(map(escape, types))
    rows = []
    for placed in entries:
        cells = "".join(_cell(relation_value(placed, type)) for type in types)
        rows.append(f'<tr><th scope="row">{entry_link(placed.name)}</th>{cells}</tr>')
    return (
        '<div class="dsr"><p class="quiet">Accuracy@0.7 in percent by relation type; LR asks for "from left to right". '
        "The stronger the colour, the better; a dash means the suite has no such prompts.</p>"
        f"{wide_table(head, rows, label='Relation heat map', kind='heat')}</div>"
    )


def _cell(value: float | None) -> str:
    if value is None:
        return '<td class="n">–</td>'
    return f'<td class="n" style="--v:{100 * value:.0f}%">{share(value)}</td>'
