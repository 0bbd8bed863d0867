"""A tab of the application: its controls, what it shows, and how both follow a link."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import gradio as gr

from dsrbench.errors import DSRBenchError

Values = Mapping[str, Any]
Updates = dict[Any, Any]
T = TypeVar("T")

ELSEWHERE = "elsewhere"
"""In place of the address where it leads to another tab than the one that opens first."""

MOST_LINK = 4000
"""Characters of an address that are looked at."""


class Page:
    """A tab; made inside `gr.Tabs`, its `show` is called when it is opened, when a control moves, and for a link.

    Args:
        id: Of the tab, in links.
        title: Of the tab.

    Attributes:
        is_simple: Whether moving a control changes nothing of the others.
    """

    is_simple = False

    def __init__(self, id: str, title: str) -> None:
        self.id = id
        self.tab = gr.Tab(title, id=id, elem_id=f"tab-{id}")
        self.controls: dict[str, Any] = {}
        self.contents: list[Any] = []
        self._tabs: Sequence[str] = ()

    def show(self, values: Values) -> Updates:
        """What becomes of controls and contents.

        Args:
            values: Of the controls, by name; texts where they come from a link.
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
        self.on([self.tab.select], self.show, link, name=self.id)
        moves = [getattr(control, _event(control)) for control in self.controls.values()]
        if moves:
            self.on(
                moves, self.show, link, name=f"{self.id}_changed", outputs=self.contents if self.is_simple else None
            )

    def on(
        self,
        triggers: Sequence[Any],
        show: Callable[[Values], Updates],
        link: Any,
        *,
        name: str,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Change the page, or only some of it, when something happens, then the address."""
        places = self.outputs if outputs is None else outputs
        names, controls = list(self.controls), list(self.controls.values())

        def change(address: str | None, *values: Any) -> Any:
            if not places:
                return None
            if address == ELSEWHERE:
                return dict.fromkeys(places, gr.skip())
            if address:
                return safely(show, read_link(address))
            updates = safely(show, dict(zip(names, values, strict=True)))
            # What is being typed is the reader's; an answer to its first letters must not take the others back.
            kept = {*places} - {place for place in self.outputs if isinstance(place, gr.Textbox)}
            return {place: value for place, value in updates.items() if place in kept}

        happened = gr.on(
            list(triggers),
            change,
            inputs=[link, *controls],
            outputs=list(places),
            js=f"(link, ...values) => [dsrArrive({json.dumps(self.id)}, {json.dumps(self._tabs)}), ...values]",
            api_name=name,
            queue=False,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        usual = [_text(control.value) for control in controls]
        script = f"(...values) => dsrLink({json.dumps(self.id)}, {json.dumps(names)}, {json.dumps(usual)}, values)"
        happened.then(None, inputs=controls, js=script)


def read_link(address: str) -> dict[str, str]:
    """The parameters of an address, the last of each name.

    >>> read_link("?tab=compare&a=x%20y")
    {'tab': 'compare', 'a': 'x y'}
    """
    return dict(parse_qsl(address[:MOST_LINK].removeprefix("?")))


def html(id: str, value: str = "") -> Any:
    """A place for HTML made here, without looks of gradio's."""
    return gr.HTML(value, elem_id=id, apply_default_css=False, js_on_load=None)


def safely(function: Callable[..., T], *given: Any) -> T:
    """Call what changes a page; an error raised on purpose is shown as one line."""
    try:
        return function(*given)
    except DSRBenchError as error:
        raise gr.Error(str(error), title="Not possible", print_exception=False) from None


def _event(control: Any) -> str:
    """What tells of a reader's doing; a textbox's `input` comes before its value does."""
    return "change" if isinstance(control, gr.Textbox) else "input"


def _text(value: Any) -> str:
    """A control's value as it stands in a link."""
    return ",".join(value) if isinstance(value, list) else value or ""


def pick(value: Any, known: Sequence[str], default: str = "") -> str:
    """A value that is one of those known, else the default."""
    return value if isinstance(value, str) and value in known else default
