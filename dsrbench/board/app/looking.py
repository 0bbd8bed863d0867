"""The tabs to look at: the board, curves, relations, two entries, samples, prompts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from dsrbench.board.app.columns import COLUMNS, SHOWN
from dsrbench.board.app.draw import MOST_CURVES, curves_html, heat_html
from dsrbench.board.app.duel import duel_html
from dsrbench.board.app.filters import Filters, list_choices, select
from dsrbench.board.app.layout import Page, Updates, Values, html, pick
from dsrbench.board.app.pages import prompts_html
from dsrbench.board.app.routes import CSV, JSON
from dsrbench.board.app.samples import (
    ANY,
    OUTCOMES,
    find_sample,
    list_samples,
    outcomes_html,
    sample_html,
    sample_key,
)
from dsrbench.board.app.site import Site
from dsrbench.board.app.table import board_html
from dsrbench.board.entries import View
from dsrbench.board.rules import named_suite

LABELS = {
    "suite": "Suite",
    "size": "Weights",
    "access": "Open or closed",
    "licence": "Licence",
    "tier": "Tier",
    "protocol": "Protocol",
}
"""Filters that are menus, in order."""

SEVERAL = ("licence", "tier", "protocol")

EVERY = "all"


class BoardPage(Page):
    """All entries, filtered, with the columns the reader chooses."""

    is_simple = True

    def __init__(self, site: Site) -> None:
        super().__init__("board", "Board")
        self._site = site
        with self.tab:
            with gr.Row(elem_classes="filters"):
                self.controls["text"] = gr.Textbox(
                    label="Search", placeholder="name or model", max_lines=1, min_width=160
                )
                for name, label in LABELS.items():
                    several = name in SEVERAL
                    self.controls[name] = gr.Dropdown(
                        [] if several else [EVERY],
                        value=[] if several else EVERY,
                        label=label,
                        multiselect=several,
                        min_width=140,
                    )
            self.controls["columns"] = gr.Dropdown(
                [(column.title, id) for id, column in COLUMNS.items() if id != "entry"],
                value=[id for id in SHOWN if id != "entry"],
                multiselect=True,
                label="Columns",
            )
            self._table = html("board")
            self.contents.append(self._table)

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        view = self._site.board.view()
        choices = list_choices(view.entries)
        filters, columns = _read_filters(values), _read_columns(values)
        entries = select(view.entries, filters)
        query = {**filters.link(), **({"columns": ",".join(columns)} if columns != list(SHOWN) else {})}
        links = " · ".join(
            f'<a href="{escape(f"{file}?{urlencode(query)}" if query else file)}" download>{file}</a>'
            for file in (CSV, JSON)
        )
        table = board_html(entries, columns, total=len(view.entries))
        updates: Updates = {self._table: f'{table}<p class="dsr">What is shown as a file: {links}</p>'}
        for name in LABELS:
            chosen = getattr(filters, name)
            options = list(dict.fromkeys([*choices[name], *(chosen if name in SEVERAL else [chosen])]))
            if name in SEVERAL:
                updates[self.controls[name]] = gr.Dropdown(choices=options, value=list(chosen))
            else:
                options = [EVERY, *(option for option in options if option)]
                updates[self.controls[name]] = gr.Dropdown(choices=options, value=chosen or EVERY)
        updates[self.controls["text"]] = filters.text
        updates[self.controls["columns"]] = [id for id in columns if id != "entry"]
        return updates


def _read_filters(values: Values) -> Filters:
    """Filters from controls, or from a link."""
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in values.items()}
    return Filters.read({name: "" if value == EVERY else value for name, value in texts.items()})


def _read_columns(values: Values) -> list[str]:
    given = values.get("columns")
    wanted = given.split(",") if isinstance(given, str) else SHOWN if given is None else given
    chosen = [id for id in COLUMNS if id in wanted or id == "entry"]
    return chosen if len(chosen) > 1 or isinstance(given, list) else list(SHOWN)


def _names(view: View, *, boxes: bool = False) -> list[str]:
    return [placed.name for placed in view.entries if placed.record.boxes_sha256 or not boxes]


def _several(value: Any, known: Sequence[str]) -> list[str]:
    given = value.split(",") if isinstance(value, str) else value or []
    return [name for name in given if name in known]


class CurvesPage(Page):
    """Accuracy over the threshold."""

    is_simple = True

    def __init__(self, site: Site) -> None:
        super().__init__("curves", "Thresholds")
        self._site = site
        with self.tab:
            self.controls["entries"] = gr.Dropdown(
                [], value=[], multiselect=True, max_choices=MOST_CURVES, label=f"Entries, at most {MOST_CURVES}"
            )
            self.contents.append(html("curves"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        view = self._site.board.view()
        names = _names(view)
        chosen = _several(values.get("entries"), names)[:MOST_CURVES] or names[:4]
        return {
            self.controls["entries"]: gr.Dropdown(choices=names, value=chosen),
            self.contents[0]: curves_html([view.get(name) for name in chosen]),
        }


class RelationsPage(Page):
    """The heat map."""

    is_simple = True

    def __init__(self, site: Site) -> None:
        super().__init__("relations", "Relations")
        self._site = site
        with self.tab:
            self.controls["suite"] = gr.Dropdown([EVERY], value=EVERY, label="Suite")
            self.contents.append(html("relations"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        view = self._site.board.view()
        suites = list_choices(view.entries)["suite"]
        suite = pick(values.get("suite"), suites)
        return {
            self.controls["suite"]: gr.Dropdown(choices=[EVERY, *suites], value=suite or EVERY),
            self.contents[0]: heat_html(select(view.entries, Filters(suite=suite))),
        }


class ComparePage(Page):
    """Two entries."""

    is_simple = True

    def __init__(self, site: Site) -> None:
        super().__init__("compare", "Compare")
        self._site = site
        with self.tab:
            with gr.Row():
                self.controls["a"] = gr.Dropdown([], value=None, label="First entry")
                self.controls["b"] = gr.Dropdown([], value=None, label="Second entry")
            self.contents.append(html("compare"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        names = _names(self._site.board.view(), boxes=True)
        a, b = (pick(values.get(name), names) for name in ("a", "b"))
        return {
            self.controls["a"]: gr.Dropdown(choices=names, value=a or None),
            self.controls["b"]: gr.Dropdown(choices=names, value=b or None),
            self.contents[0]: duel_html(self._site.board, a, b),
        }


class SamplesPage(Page):
    """The videos of an entry, one at a time."""

    def __init__(self, site: Site) -> None:
        super().__init__("samples", "Samples")
        self._site = site
        with self.tab:
            with gr.Row():
                self.controls["entry"] = gr.Dropdown([], value=None, label="Entry")
                self.controls["outcome"] = gr.Dropdown(
                    [ANY, *((title, id) for id, title in OUTCOMES.items())], value=ANY, label="Outcome"
                )
                self.controls["sample"] = gr.Dropdown([], value=None, label="Sample, worst first", min_width=320)
            with gr.Row():
                before, after = gr.Button("Previous sample", size="sm"), gr.Button("Next sample", size="sm")
            self._found, self._sample = html("outcomes"), html("sample")
            self.contents += [self._sample, self._found]
        self._steps = {before: -1, after: 1}

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """As for `Page`, with the buttons."""
        super().connect(link, tabs)
        for button, step in self._steps.items():
            self.on([button.click], partial(self.show, step=step), link, name="previous" if step < 0 else "next")

    def show(self, values: Values, *, step: int = 0) -> Updates:
        """As for `Page`; `step` goes that many samples on."""
        names = _names(self._site.board.view(), boxes=True)
        entry = pick(values.get("entry"), names, names[0] if names else "")
        control = {name: self.controls[name] for name in ("entry", "outcome", "sample")}
        if not entry:
            return {self._sample: '<div class="dsr"><p>There is no entry with boxes yet.</p></div>'}
        opened = self._site.board.open(entry)
        wanted = pick(values.get("outcome"), [*OUTCOMES], ANY)
        index = find_sample(opened, str(values.get("sample") or ""))
        listed = list_samples(opened, wanted)
        keys = [key for _, key in listed]
        key = sample_key(opened.samples[index]) if index is not None else ""
        at = (keys.index(key) + step) % len(keys) if key in keys else 0
        key = keys[at] if keys else ""
        index = find_sample(opened, key)
        shown = sample_html(opened, index, self._site.video_address) if index is not None else _NO_SAMPLE
        return {
            control["entry"]: gr.Dropdown(choices=names, value=entry),
            control["outcome"]: wanted,
            control["sample"]: gr.Dropdown(choices=listed, value=key or None),
            self._sample: shown,
            self._found: outcomes_html(opened),
        }


_NO_SAMPLE = '<div class="dsr"><p>No sample of this entry came to that.</p></div>'


class PromptsPage(Page):
    """The prompts of a suite."""

    def __init__(self, site: Site) -> None:
        super().__init__("prompts", "Prompts")
        self._site = site
        with self.tab:
            with gr.Row():
                self.controls["suite"] = gr.Dropdown([], value=None, label="Suite")
                self.controls["relations"] = gr.Dropdown([EVERY], value=EVERY, label="Relations")
                self.controls["words"] = gr.Textbox(label="Words", max_lines=1)
            self.contents.append(html("prompts"))

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        view = self._site.board.view()
        known = list(view.rules.suites)
        used = [name for name in list_choices(view.entries)["suite"] if name in known]
        suite = named_suite(pick(values.get("suite"), known, (used or known)[0]))
        types = sorted({prompt.type for prompt in suite}, key=lambda type: (len(type), type))
        type, words = pick(values.get("relations"), types), str(values.get("words") or "")
        return {
            self.controls["suite"]: gr.Dropdown(choices=known, value=suite.name),
            self.controls["relations"]: gr.Dropdown(choices=[EVERY, *types], value=type or EVERY),
            self.controls["words"]: words,
            self.contents[0]: prompts_html(view, suite, type=type, text=words),
        }
