"""A tab of the application: its controls, what it shows, and how both follow a link."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from dsrbench.board.app.pages import problems_html
from dsrbench.errors import DSRBenchError

Values = Mapping[str, Any]
Updates = dict[Any, Any]

ELSEWHERE = "elsewhere"
"""In place of the address where it leads to another tab than the one that opens first."""

MOST_LINK = 4000
"""Characters of an address that are looked at."""


class Page:
    """A tab; made inside `gr.Tabs`, its `show` is called when it is opened, when a control moves, and for a link.

    Args:
        id: Name of the tab in links.
        title: Title of the tab.

    """

    def __init__(self, id: str, title: str) -> None:
        self.id = id
        self.tab = gr.Tab(title, id=id, elem_id=f"tab-{id}")
        with self.tab:
            self._go = gr.Button(visible="hidden", elem_id=f"go-{id}")  # pressed by the script for a link to this tab
        self.controls: dict[str, Any] = {}
        self.contents: list[Any] = []
        self._tabs: Sequence[str] = ()

    def show(self, values: Values) -> Updates:
        """What becomes of controls and contents.

        Args:
            values: Values of the controls by name; texts where they come from a link.
        """
        raise NotImplementedError

    @property
    def outputs(self) -> list[Any]:
        """All that `show` may change."""
        return [*self.controls.values(), *self.contents]

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """Let `show` follow the tab and its controls, and the address follow both.

        Args:
            link: A component that is not shown; the page's script puts the address into it when it is first opened.
            tabs: Ids of all tabs, the one that is open first before the others.
        """
        self._tabs = tabs
        self.on([self.tab.select, self._go.click], self.show, link)
        if self.moves:
            self.on(self.moves, self.show, link)

    @property
    def moves(self) -> list[Any]:
        """Events of the controls."""
        return [getattr(control, _event(control)) for control in self.controls.values()]

    @property
    def follow(self) -> str:
        """A script that brings the address in step with the controls, given their values."""
        usual = {name: _text(control.value) for name, control in self.controls.items()}
        return f"(...values) => dsrLink({json.dumps(self.id)}, {json.dumps(usual)}, values)"

    def on(self, triggers: Sequence[Any], show: Callable[[Values], Updates], link: Any) -> None:
        """Change the page when something happens, then the address."""
        places = self.outputs
        names, controls = list(self.controls), list(self.controls.values())

        def change(address: str | None, *values: Any) -> Any:
            if not places:
                return None
            same = dict.fromkeys(places, gr.skip())
            if address == ELSEWHERE:
                return same
            if address:
                return same | self._try(show, read_link(address))
            updates = self._try(show, dict(zip(names, values, strict=True)))
            # What is being typed is the reader's; an answer to its first letters must not take the others back.
            return same | {place: value for place, value in updates.items() if not isinstance(place, gr.Textbox)}

        happened = gr.on(
            list(triggers),
            change,
            inputs=[link, *controls],
            outputs=list(places),
            js=f"(link, ...values) => [dsrArrive({json.dumps(self.id)}, {json.dumps(self._tabs)}), ...values]",
            api_visibility="private",
            queue=False,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        happened.then(None, inputs=controls, js=self.follow)

    def _try(self, show: Callable[[Values], Updates], values: Values) -> Updates:
        """What becomes of the page, or why nothing does; where the contents stand elsewhere, they say it."""
        try:
            return show(values)
        except DSRBenchError as error:
            return {place: problems_html([str(error)], head="Not possible now") for place in self.contents[:1]}


class ViewPage(Page):
    """A tab whose contents stand at an address of their own (`dsrbench.board.app.views`); `show` is of its controls."""

    def place_view(self) -> None:
        """Where the contents go."""
        html(self.id, f'<dsr-view tab="{self.id}"></dsr-view>')

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """As for `Page`; where a control moves, nothing is asked but the contents."""
        self._tabs = tabs
        self.on([self.tab.select, self._go.click], self.show, link)
        if self.moves:
            gr.on(self.moves, None, inputs=list(self.controls.values()), js=self.follow, trigger_mode="multiple")


def read_link(address: str) -> dict[str, str]:
    """The parameters of an address, the last of each name.

    >>> read_link("?tab=compare&a=x%20y")
    {'tab': 'compare', 'a': 'x y'}
    """
    return dict(parse_qsl(address[:MOST_LINK].removeprefix("?"), keep_blank_values=True))


def html(id: str, value: str = "") -> Any:
    """A place for HTML made here, without looks of gradio's."""
    return gr.HTML(value, elem_id=id, apply_default_css=False, js_on_load=None)


def _event(control: Any) -> str:
    """What tells of a reader's doing; a textbox's `input` comes before its value does."""
    return "change" if isinstance(control, gr.Textbox) else "input"


def _text(value: Any) -> str:
    """A control's value as it stands in a link."""
    return ",".join(value) if isinstance(value, list) else value or ""
