"""The tab to submit in: upload, check, submit, withdraw."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from dsrbench.board.app.columns import link
from dsrbench.board.app.layout import Page, Updates, Values, html
from dsrbench.board.app.pages import problems_html
from dsrbench.board.app.site import Site
from dsrbench.errors import DSRBenchError
from dsrbench.submission import SubmissionError, check_entry
from dsrbench.submission.boxes import FILE as BOXES
from dsrbench.submission.entry import FILE as ENTRY

HOW = (
    "<p>An entry is two files, made by <code>dsrbench submit RUN --name NAME --model-id ID --out FOLDER</code>: "
    "<code>entry.json</code> and <code>boxes.parquet</code>. They are checked here as they were there, and scored "
    "again from the boxes; a claim that differs is rejected, with every reason.</p>"
)

FILES = {".json": ENTRY, ".parquet": BOXES}


class SubmitPage(Page):
    """Submitting and withdrawing."""

    def __init__(self, site: Site) -> None:
        super().__init__("submit", "Submit")
        self._site = site
        with self.tab:
            who = "" if site.has_login else f"<p>Everybody submits as <b>{escape(site.account)}</b> on this board.</p>"
            html("submit-how", f'<div class="dsr">{HOW}{who}</div>')
            if site.intake is None:
                html("submit-closed", '<div class="dsr"><p class="notice">This board takes no submissions.</p></div>')
                return
            if site.has_login:
                gr.LoginButton()
            files = gr.File(
                label=f"{ENTRY} and {BOXES}", file_count="multiple", file_types=list(FILES), elem_id="entry-files"
            )
            with gr.Row():
                check, submit = gr.Button("Check only"), gr.Button("Submit", variant="primary")
            result = html("submit-result")
            with gr.Accordion("Withdraw an entry of yours", open=False):
                name = gr.Textbox(label="Name of the entry")
                withdraw = gr.Button("Withdraw", variant="stop")
        common: dict[str, Any] = {"outputs": result, "concurrency_id": "scoring", "concurrency_limit": 2}
        check.click(self._check, files, api_name="check", **common)
        submit.click(_named(self._submit, site), files, api_name="submit", **common)
        withdraw.click(_named(self._withdraw, site), name, api_name="withdraw", **common)

    def show(self, values: Values) -> Updates:
        """As for `Page`."""
        return {}

    def _check(self, files: list[str] | None) -> str:
        def check(folder: Path) -> str:
            rules = self._site.board.view().rules
            checked = check_entry(folder, rules.find_suite)
            rules.check_seeds(checked.entry.suite.name, checked.entry.seeds)
            value = checked.summary.headline.value
            return f"Entry {escape(checked.entry.name)} is as it must be: Accuracy@0.7 {value:.3f}, re-scored."

        return _with_files(files, check)

    def _submit(self, account: str, files: list[str] | None) -> str:
        def submit(folder: Path) -> str:
            intake = self._site.intake
            assert intake is not None
            receipt = intake.submit(folder, account)
            if not receipt.is_accepted:
                raise SubmissionError(*receipt.problems)
            self._site.board.view(fresh=0)
            again = " It was there already." if receipt.is_repeated else ""
            return f"Accepted: {link(receipt.name, tab='samples', entry=receipt.name)}.{again}"

        return _with_files(files, submit)

    def _withdraw(self, account: str, name: str) -> str:
        intake = self._site.intake
        assert intake is not None
        try:
            intake.withdraw(name.strip(), account)
        except DSRBenchError as error:
            return problems_html([str(error)], head="Not withdrawn")
        self._site.board.view(fresh=0)
        return f'<div class="dsr"><p class="good" role="status">Withdrawn: {escape(name.strip())}.</p></div>'


def _named(act: Callable[[str, Any], str], site: Site) -> Callable[..., str]:
    """Give an action the account of the one who asks: from the Hub's login, or the board's own."""
    if not site.has_login:
        return lambda given: act(site.account, given)

    def with_login(given: Any, profile: gr.OAuthProfile | None) -> str:
        if profile is None:
            return problems_html(["Log in with your Hugging Face account first."], head="Not logged in")
        return act(profile.username, given)

    with_login.__annotations__["profile"] = gr.OAuthProfile | None
    return with_login


def _with_files(files: Sequence[str] | None, act: Callable[[Path], str]) -> str:
    """Do something with uploaded files under their proper names; what it says, or why it did not."""
    by_suffix: dict[str, list[str]] = {}
    for file in files or ():
        by_suffix.setdefault(Path(file).suffix.lower(), []).append(file)
    if sorted(by_suffix) != sorted(FILES) or any(len(same) > 1 for same in by_suffix.values()):
        shown = ", ".join(Path(file).name for file in files or ()) or "nothing"
        return problems_html([f"Expected one {ENTRY} and one {BOXES}, got {shown}."], head="Not two files of an entry")
    with tempfile.TemporaryDirectory(prefix="dsrbench-upload-") as name:
        folder = Path(name)
        for suffix, (file,) in by_suffix.items():
            shutil.copyfile(file, folder / FILES[suffix])
        try:
            said = act(folder)
        except SubmissionError as error:
            return problems_html(error.problems, head="Not accepted")
        except DSRBenchError as error:
            return problems_html([str(error)], head="Not possible now")
    return f'<div class="dsr"><p class="good" role="status">{said}</p></div>'
