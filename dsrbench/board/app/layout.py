"""A tab of the application: its controls, what it shows, and how both follow a link."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from dsrbench.errors import DSRBenchError

Values = Mapping[str, Any]
Updates = dict[Any, Any]


class Page:
    """A tab; made inside `gr.Tabs`, its `show` is called when it is opened, when a control moves, and for a link.

    Args:
        id: Of the tab, in links.
        title: Of the tab.
    """

    def __init__(self, id: str, title: str) -> None:
        self.id = id
        self.tab = gr.Tab(title, id=id, elem_id=f"tab-{id}")
        self.controls: dict[str, Any] = {}
        self.contents: list[Any] = []

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

    def connect(self) -> None:
        """Let `show` follow the tab and its controls, and the address follow both."""
        names, inputs = list(self.controls), list(self.controls.values())
        triggers = [self.tab.select]
        triggers += [getattr(control, _event(control)) for control in inputs]
        self.on(triggers, lambda *given: self.show(dict(zip(names, given, strict=True))), inputs, name=self.id)

    def on(
        self, triggers: Sequence[Any], function: Callable[..., Updates], inputs: Sequence[Any], *, name: str
    ) -> None:
        """Change the page when something happens, then the address."""
        happened = gr.on(
            list(triggers),
            lambda *given: safely(function, *given),
            inputs=list(inputs),
            outputs=self.outputs,
            api_name=name,
            queue=False,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        happened.then(None, inputs=list(self.controls.values()), js=link_script(self.id, list(self.controls)))


def safely(function: Callable[..., Updates], *given: Any) -> Updates:
    """Call what changes a page; an error raised on purpose is shown as one line."""
    try:
        return function(*given)
    except DSRBenchError as error:
        raise gr.Error(str(error), title="Not possible", print_exception=False) from None


def link_script(tab: str, names: Sequence[str]) -> str:
    """Puts the values of controls into the address."""
    return f"(...values) => dsrLink({json.dumps(tab)}, {json.dumps(names)}, values)"


def _event(control: Any) -> str:
    return "input" if hasattr(control, "input") else "change"


def pick(value: Any, known: Sequence[str], default: str = "") -> str:
    """A value that is one of those known, else the default."""
    return value if isinstance(value, str) and value in known else default
