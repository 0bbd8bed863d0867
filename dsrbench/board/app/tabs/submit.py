"""The submit tab: upload and check an entry, submit it, withdraw it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from dsrbench.board.app.fragments import entry_link, problems_html
from dsrbench.board.app.layout import Page, html
from dsrbench.board.app.site import Site
from dsrbench.errors import DSRBenchError
from dsrbench.submission import SubmissionError, check_entry
from dsrbench.submission.boxes import FILE as BOXES
from dsrbench.submission.entry import FILE as ENTRY

INSTRUCTIONS = (
    "<p>An entry is two files, made by <code>dsrbench submit RUN --name NAME --model-id ID --out FOLDER</code>: "
    "<code>entry.json</code> and <code>boxes.parquet</code>. They are checked here as they were there, and scored "
    "again from the boxes; a claim that differs is rejected, with every reason.</p>"
)

FILES = {".json": ENTRY, ".parquet": BOXES}
"""Names of the files of an entry by their suffixes."""


class SubmitPage(Page):
    """Tab to submit and withdraw entries."""

    id = "submit"
    title = "Submit"

    def _build(self) -> None:
        import gradio as gr

        site = self.site
        note = "" if site.has_login else f"<p>Everybody submits as <b>{escape(site.account)}</b> on this board.</p>"
        html("submit-how", f'<div class="dsr">{INSTRUCTIONS}{note}</div>')
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

    def _check(self, files: list[str] | None) -> str:
        def check(folder: Path) -> str:
            rules = self.site.board.view().rules
            checked = check_entry(folder, rules.find_suite)
            rules.check_seeds(checked.entry.suite.name, checked.entry.seeds)
            value = checked.summary.headline.value
            return f"Entry {escape(checked.entry.name)} is as it must be: Accuracy@0.7 {value:.3f}, re-scored."

        return _with_files(files, check)

    def _submit(self, account: str, files: list[str] | None) -> str:
        def submit(folder: Path) -> str:
            intake = self.site.intake
            assert intake is not None
            receipt = intake.submit(folder, account)
            if not receipt.is_accepted:
                raise SubmissionError(*receipt.problems)
            self.site.board.view(fresh=0)
            again = " It was there already." if receipt.is_repeated else ""
            return f"Accepted: {entry_link(receipt.name)}.{again}"

        return _with_files(files, submit)

    def _withdraw(self, account: str, name: str) -> str:
        intake = self.site.intake
        assert intake is not None
        try:
            intake.withdraw(name.strip(), account)
        except DSRBenchError as error:
            return problems_html([str(error)], head="Not withdrawn")
        self.site.board.view(fresh=0)
        return f'<div class="dsr"><p class="good" role="status">Withdrawn: {escape(name.strip())}.</p></div>'


def _named(act: Callable[[str, Any], str], site: Site) -> Callable[..., str]:
    """Return a handler that calls an action with the reader's account: from the Hub's login, or the board's own."""
    if not site.has_login:
        return lambda value: act(site.account, value)

    import gradio as gr

    def with_login(value: Any, profile: gr.OAuthProfile | None) -> str:
        if profile is None:
            return problems_html(["Log in with your Hugging Face account first."], head="Not logged in")
        return act(profile.username, value)

    with_login.__annotations__["profile"] = gr.OAuthProfile | None
    return with_login


def _with_files(files: Sequence[str] | None, act: Callable[[Path], str]) -> str:
    """Call a function with a folder of the uploaded files, properly named; return its message or the problems."""
    by_suffix: dict[str, list[str]] = {}
    for file in files or ():
        by_suffix.setdefault(Path(file).suffix.lower(), []).append(file)
    if sorted(by_suffix) != sorted(FILES) or any(len(files_of_suffix) > 1 for files_of_suffix in by_suffix.values()):
        names = ", ".join(Path(file).name for file in files or ()) or "nothing"
        return problems_html([f"Expected one {ENTRY} and one {BOXES}, got {names}."], head="Not two files of an entry")
    with tempfile.TemporaryDirectory(prefix="dsrbench-upload-") as name:
        folder = Path(name)
        for suffix, (file,) in by_suffix.items():
            shutil.copyfile(file, folder / FILES[suffix])
        try:
            message = act(folder)
        except SubmissionError as error:
            return problems_html(error.problems, head="Not accepted")
        except DSRBenchError as error:
            return problems_html([str(error)], head="Not possible now")
    return f'<div class="dsr"><p class="good" role="status">{message}</p></div>'
