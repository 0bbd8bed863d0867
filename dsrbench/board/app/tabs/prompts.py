"""The prompts tab: the prompts of a suite, each with the share of the board's videos that pass."""

from __future__ import annotations

from html import escape

import numpy as np

from dsrbench.board.app.filters import EVERY, Values, list_choices, pick
from dsrbench.board.app.fragments import notice_html, number_heads, share, wide_table
from dsrbench.board.app.layout import Page, Updates, html, update_menu
from dsrbench.board.entries import View
from dsrbench.board.rules import named_suite
from dsrbench.prompts import Suite
from dsrbench.report.words import describe_prompt


class PromptsPage(Page):
    """Tab with the prompts of a suite."""

    id = "prompts"
    title = "Prompts"

    def _build(self) -> None:
        import gradio as gr

        with gr.Row():
            self.controls["suite"] = gr.Dropdown([], value=None, label="Suite")
            self.controls["relations"] = gr.Dropdown([EVERY], value=EVERY, label="Relations")
            self.controls["words"] = gr.Textbox(label="Words", max_lines=1)
        self.contents.append(html("prompts"))

    def show(self, values: Values) -> Updates:
        """Return the updates of the menus, and the prompts that fit."""
        view = self.site.board.view()
        names = list(view.rules.suites)
        used = [name for name in list_choices(view.entries)["suite"] if name in names]
        suite = named_suite(pick(values.get("suite"), names, (used or names)[0]))
        types = sorted({prompt.type for prompt in suite}, key=lambda type: (len(type), type))
        type, words = pick(values.get("relations"), types), str(values.get("words") or "")
        return {
            self.controls["suite"]: update_menu(names, suite.name),
            self.controls["relations"]: update_menu([EVERY, *types], type or EVERY),
            self.controls["words"]: words,
            self.contents[0]: notice_html(view) + prompts_html(view, suite, type=type, text=words),
        }


def prompts_html(view: View, suite: Suite, *, type: str = "", text: str = "") -> str:
    """Return a table of prompts.

    Args:
        view: The board.
        suite: Suite of the prompts.
        type: Relation type of the prompts; empty for all.
        text: Words that the prompts contain, in any case.
    """
    rates = _pass_rates(view, suite)
    words = text[:200].lower().split()
    prompts = [
        prompt
        for prompt in suite
        if (not type or prompt.type == type) and all(word in prompt.text.lower() for word in words)
    ]
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Prompt", "Relations", "Asks for"))
    head += number_heads(["Passed, all entries, %"])
    rows = (
        f'<tr><th scope="row">{escape(prompt.text)}<br><small>{escape(prompt.id)}</small></th>'
        f"<td>{escape(prompt.type)}</td><td>{escape(describe_prompt(prompt))}</td>"
        f'<td class="n">{share(rates.get(prompt.id))}</td></tr>'
        for prompt in prompts
    )
    return (
        f'<div class="dsr"><p role="status" class="quiet">{len(prompts)} of {len(suite)} prompts of '
        f"{escape(suite.name)} {escape(suite.version)}, sha256 {suite.sha256[:12]}…</p>"
        f"{wide_table(head, rows, label='Prompts', kind='prose')}</div>"
    )


def _pass_rates(view: View, suite: Suite) -> dict[str, float]:
    """Return the share of videos that pass 0.7, over the ranked entries of the suite, by prompt id."""
    ids = sorted(prompt.id for prompt in suite)
    rates = []
    for placed in view.entries:
        record = placed.record
        if placed.key and record.passed is not None and record.entry.suite.sha256 == suite.sha256:
            rates.append(record.passed.reshape(len(ids), -1).mean(axis=1))
    return dict(zip(ids, np.mean(rates, axis=0).tolist(), strict=True)) if rates else {}
