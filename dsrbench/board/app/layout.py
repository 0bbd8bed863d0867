"""A tab of the application: its controls, its contents, and how both follow the address of the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from dsrbench.board.app.filters import Values
from dsrbench.board.app.fragments import problems_html
from dsrbench.board.app.site import Site
from dsrbench.board.entries import View
from dsrbench.errors import DSRBenchError

Updates = dict[Any, Any]
"""New values of components of gradio."""

ELSEWHERE = "elsewhere"
"""Stands for an address that leads to another tab than the one that opens first."""

MAX_LINK = 4000
"""Maximum length of an address, in characters; the rest is ignored."""


class Page:
    """A tab, made inside `gr.Tabs`.

    Args:
        site: The board.

    Attributes:
        id: Name of the tab in links.
        title: Title of the tab.
        site: The board.
        tab: Component of the tab.
        controls: Components that the reader changes, by their names in links.
        contents: Components that `show` fills.
    """

    id: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, site: Site) -> None:
        import gradio as gr

        self.site = site
        self.controls: dict[str, Any] = {}
        self.contents: list[Any] = []
        self._tabs: Sequence[str] = ()
        self.tab = gr.Tab(self.title, id=self.id, elem_id=f"tab-{self.id}")
        with self.tab:
            self._go = gr.Button(visible="hidden", elem_id=f"go-{self.id}")  # pressed by the script for a link here
            self._build()

    def _build(self) -> None:
        """Add the components of the tab."""
        raise NotImplementedError

    def show(self, values: Values) -> Updates:
        """Return the updates of controls and contents when the tab opens, a control moves, or a link is followed.

        Args:
            values: Values of the controls by name; texts where they come from a link.
        """
        return {}

    def connect(self, link: Any, tabs: Sequence[str]) -> None:
        """Call `show` on events of the tab and its controls, and bring the address in step.

        Args:
            link: A hidden component; the page's script puts the address into it when the page opens.
            tabs: Ids of all tabs, the one that opens first before the others.
        """
        self._tabs = tabs
        self.on([self.tab.select, self._go.click], self.show, link)
        if self.controls:
            self._connect_controls(link)

    def _connect_controls(self, link: Any) -> None:
        self.on(self.moves, self.show, link)

    @property
    def moves(self) -> list[Any]:
        """Events of the controls on a reader's change; a textbox sends `input` before its new value."""
        import gradio as gr

        return [one.change if isinstance(one, gr.Textbox) else one.input for one in self.controls.values()]

    @property
    def follow(self) -> str:
        """A script that brings the address in step with the values of the controls."""
        values = {name: control.value for name, control in self.controls.items()}
        defaults = {name: ",".join(v) if isinstance(v, list) else v or "" for name, v in values.items()}
        return f"(...values) => dsrLink({json.dumps(self.id)}, {json.dumps(defaults)}, values)"

    def on(self, triggers: Sequence[Any], show: Callable[[Values], Updates], link: Any) -> None:
        """Update the page on some events, then the address."""
        import gradio as gr

        names, controls = list(self.controls), list(self.controls.values())
        places = [*controls, *self.contents]

        def change(address: str | None, *values: Any) -> Any:
            if not places:
                return None
            same = dict.fromkeys(places, gr.skip())
            if address == ELSEWHERE:
                return same
            if address:
                return same | self._try(show, read_link(address))
            updates = self._try(show, dict(zip(names, values, strict=True)))
            # A textbox belongs to the reader: a late answer to the first letters must not undo the others.
            return same | {place: value for place, value in updates.items() if not isinstance(place, gr.Textbox)}

        event = gr.on(
            list(triggers),
            change,
            inputs=[link, *controls],
            outputs=places,
            js=f"(link, ...values) => [dsrArrive({json.dumps(self.id)}, {json.dumps(self._tabs)}), ...values]",
            api_visibility="private",
            queue=False,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        event.then(None, inputs=controls, js=self.follow)

    def _try(self, show: Callable[[Values], Updates], values: Values) -> Updates:
        """Return the updates, or the reason for none; a `ViewPage` has no contents and gives its reason itself."""
        try:
            return show(values)
        except DSRBenchError as error:
            return {place: problems_html([str(error)], head="Not possible now") for place in self.contents[:1]}


class ViewPage(Page):
    """A tab whose contents have an address of their own, `view/ID?...`; its `show` updates the controls alone.

    The page fetches that address itself while the rest of it still loads, and again when a control moves.
    """

    @staticmethod
    def render(site: Site, view: View, values: Values) -> str:
        """Return the contents as HTML."""
        raise NotImplementedError

    def _build(self) -> None:
        """Add the element that the contents are put into; subclasses add their controls before it."""
        html(self.id, f'<dsr-view tab="{self.id}"></dsr-view>')

    def _connect_controls(self, link: Any) -> None:
        """Fetch the contents alone when a control moves."""
        import gradio as gr

        gr.on(self.moves, None, inputs=list(self.controls.values()), js=self.follow, trigger_mode="multiple")


def read_link(address: str) -> dict[str, str]:
    """Return the parameters of an address, the last of each name.

    >>> read_link("?tab=compare&a=x%20y")
    {'tab': 'compare', 'a': 'x y'}
    """
    return dict(parse_qsl(address[:MAX_LINK].removeprefix("?"), keep_blank_values=True))


def html(id: str, value: str = "") -> Any:
    """Add an element for HTML, without gradio's styles."""
    import gradio as gr

    return gr.HTML(value, elem_id=id, apply_default_css=False, js_on_load=None)


def update_menu(choices: Sequence[Any], value: Any) -> Any:
    """Return an update of a menu's choices and its value."""
    import gradio as gr

    return gr.Dropdown(choices=choices, value=value)
