"""The tabs to look at: the board, curves, relations, two entries, samples, prompts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from dsrbench.board.app.columns import ALWAYS, COLUMNS, SHOWN
from dsrbench.board.app.draw import MOST_CURVES
from dsrbench.board.app.filters import list_choices
from dsrbench.board.app.layout import Page, Updates, Values, ViewPage, html
from dsrbench.board.app.pages import notice_html, problems_html, prompts_html
from dsrbench.board.app.samples import (
    ANY,
    OUTCOMES,
    files_html,
    find_sample,
    list_samples,
    outcomes_html,
    sample_html,
    sample_key,
)
from dsrbench.board.app.site import Site
from dsrbench.board.app.views import EVERY, list_names, pick, read_columns, read_entries, read_filters
from dsrbench.board.entries import OpenEntry
from dsrbench.board.rules import named_suite
from dsrbench.errors import DSRBenchError

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


class BoardPage(ViewPage):
    """All entries, filtered, with the columns the reader chooses."""

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
            with gr.Accordion("Columns", open=False, elem_id="columns"):
                self.controls["columns"] = gr.Dropdown(
                    [(column.title, id) for id, column in COLUMNS.items() if id not in ALWAYS],
                    value=[id for id in SHOWN if id not in ALWAYS],
                    multiselect=True,
                    show_label=False,
                    label="Columns shown",
                    container=False,
                )
            self.place_view()

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        choices = list_choices(self._site.board.view().entries)
        filters, updates = read_filters(values), Updates()
        for name in LABELS:
            chosen = getattr(filters, name)
            options = list(dict.fromkeys([*choices[name], *(chosen if name in SEVERAL else [chosen])]))
            if name in SEVERAL:
                updates[self.controls[name]] = gr.Dropdown(choices=options, value=list(chosen))
            else:
                options = [EVERY, *(option for option in options if option)]
                updates[self.controls[name]] = gr.Dropdown(choices=options, value=chosen or EVERY)
        updates[self.controls["text"]] = filters.text
        updates[self.controls["columns"]] = [id for id in read_columns(values) if id not in ALWAYS]
        return updates


class CurvesPage(ViewPage):
    """Accuracy over the threshold."""

    def __init__(self, site: Site) -> None:
        super().__init__("curves", "Thresholds")
        self._site = site
        with self.tab:
            self.controls["entries"] = gr.Dropdown(
                [], value=[], multiselect=True, max_choices=MOST_CURVES, label=f"Entries, at most {MOST_CURVES}"
            )
            self.place_view()

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        view = self._site.board.view()
        return {self.controls["entries"]: gr.Dropdown(choices=list_names(view), value=read_entries(view, values))}


class RelationsPage(ViewPage):
    """The heat map."""

    def __init__(self, site: Site) -> None:
        super().__init__("relations", "Relations")
        self._site = site
        with self.tab:
            self.controls["suite"] = gr.Dropdown([EVERY], value=EVERY, label="Suite")
            self.place_view()

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        suites = list_choices(self._site.board.view().entries)["suite"]
        suite = pick(values.get("suite"), suites, EVERY)
        return {self.controls["suite"]: gr.Dropdown(choices=[EVERY, *suites], value=suite)}


class ComparePage(ViewPage):
    """Two entries."""

    def __init__(self, site: Site) -> None:
        super().__init__("compare", "Compare")
        self._site = site
        with self.tab:
            with gr.Row():
                self.controls["a"] = gr.Dropdown([], value=None, label="First entry")
                self.controls["b"] = gr.Dropdown([], value=None, label="Second entry")
            self.place_view()

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        names = list_names(self._site.board.view(), boxes=True)
        chosen = {name: pick(values.get(name), names) or None for name in ("a", "b")}
        return {self.controls[name]: gr.Dropdown(choices=names, value=value) for name, value in chosen.items()}


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
                before, after = (gr.Button(f"{way} sample", size="sm", min_width=120) for way in ("Previous", "Next"))
            self._sample, self._found = html("sample"), html("outcomes")
            self.contents += [self._sample, self._found]
        self._steps = {before: -1, after: 1}

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """As for `Page`, with the buttons."""
        super().connect(link, tabs)
        for button, step in self._steps.items():
            self.on([button.click], partial(self.show, step=step), link)

    def show(self, values: Values, *, step: int = 0) -> Updates:
        """As for `Page`; `step` goes that many samples on."""
        view = self._site.board.view()
        names, notice = list_names(view, boxes=True), notice_html(view)
        entry = pick(values.get("entry"), names, names[0] if names else "")
        if not entry:
            return {self._sample: notice + _NO_ENTRY}
        chosen: Updates = {self.controls["entry"]: gr.Dropdown(choices=names, value=entry)}
        try:
            opened = self._site.board.open(entry)
        except DSRBenchError as error:
            problem = problems_html([str(error)], head="Its samples cannot be shown")
            return {**chosen, self._sample: notice + problem, self._found: ""}
        wanted = pick(values.get("outcome"), [*OUTCOMES], ANY)
        listed = list_samples(opened, wanted)
        key = _step(opened, [key for _, key in listed], str(values.get("sample") or ""), step)
        index = find_sample(opened, key)
        shown = sample_html(opened, index, self._site.video_address) if index is not None else _NO_SAMPLE
        return {
            **chosen,
            self.controls["outcome"]: wanted,
            self.controls["sample"]: gr.Dropdown(choices=listed, value=key or None),
            self._sample: notice + shown,
            self._found: outcomes_html(opened) + files_html(entry),
        }


def _step(opened: OpenEntry, keys: Sequence[str], given: str, step: int) -> str:
    """The key so many steps after the one given, around the end; the first where that is not among them."""
    index = find_sample(opened, given)
    key = sample_key(opened.samples[index]) if index is not None else ""
    at = (keys.index(key) + step) % len(keys) if key in keys else 0
    return keys[at] if keys else ""


_NO_ENTRY = '<div class="dsr"><p>There is no entry with boxes yet.</p></div>'

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
            self.contents[0]: notice_html(view) + prompts_html(view, suite, type=type, text=words),
        }
