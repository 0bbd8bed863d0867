"""Measure the time to paint and to filter the board, beside an empty gradio application in the same run.

    python benchmark/board/made_up.py FOLDER && python benchmark/board/paint.py FOLDER --out benchmark/board/paint.json

Headless Chromium on this machine, a new profile each time, so nothing is cached; the two applications take turns. A
board is painted when its last row exists and a frame has been drawn. Prints a JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from playwright.sync_api import Browser, Page, sync_playwright

from dsrbench.board.app import Site
from dsrbench.board.app.serve import start

MAX_PAINT_MS, MAX_FILTER_MS = 1000, 300
"""Maximum time to paint beyond the empty application, and median time of a filter, in milliseconds."""

WATCH = """selector => new Promise(resolve => {
  const look = () => document.querySelector(selector)
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now())))
    : setTimeout(look, 5);
  look();
})"""
"""Script that returns the time from navigation until an element exists and a frame is drawn, in milliseconds."""

TIMED = """() => {
  const status = () => document.querySelector('#board [role=status]')?.textContent;
  addEventListener('mousedown', event => {
    if (!event.target.closest('[role=option]')) return;
    const from = performance.now(), before = status();
    window.took = new Promise(resolve => {
      const watch = new MutationObserver(() => {
        if (status() === before) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - from)));
      });
      watch.observe(document.querySelector('#board'), { childList: true, subtree: true, characterData: true });
    });
  }, true);
}"""
"""Script that sets `took` to the time from a press on an option until other rows are drawn, in milliseconds."""


def time_paint(browser: Browser, address: str, selector: str) -> float:
    """Return the time until an element is painted, in milliseconds."""
    page = browser.new_page()
    page.goto(address, wait_until="commit")
    milliseconds: float = page.evaluate(WATCH, selector)
    page.close()
    return milliseconds


def time_filters(browser: Browser, address: str, rounds: int) -> list[float]:
    """Return the time of each change of a filter, in milliseconds."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.locator("#board tbody tr").last.wait_for()
    page.evaluate(TIMED)
    times = []
    for _ in range(rounds):
        for label, option in (("Weights", "1 to 5 B"), ("Weights", "all"), ("Open or closed", "closed")):
            times.append(_choose(page, label, option))
        times.append(_choose(page, "Open or closed", "all"))
    page.close()
    return times


def _choose(page: Page, label: str, option: str) -> float:
    page.get_by_label(label, exact=True).locator("visible=true").click()
    page.get_by_role("option", name=option, exact=True).click()
    milliseconds: float = page.evaluate("window.took")
    return milliseconds


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Return all figures; times are in milliseconds."""
    with gr.Blocks(analytics_enabled=False) as blank:
        gr.HTML("<p id='empty'>Empty.</p>")
    _, blank_address, _ = blank.launch(prevent_thread_lock=True, quiet=True, share=False, ssr_mode=False)
    site = Site.open(folder, account="reader", read_only=True)
    app, address = start(site, wait=False)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        paints = [
            (time_paint(browser, blank_address, "#empty"), time_paint(browser, address, "#board tbody tr"))
            for _ in range(rounds + 1)
        ][1:]
        filters = time_filters(browser, address, rounds)
        browser.close()
    for served in (app, blank):
        served.close(verbose=False)
    view = site.board.view()
    return {
        "entries": len(view.entries),
        "samples_each": view.entries[0].record.figures.n_samples,
        "rounds": rounds,
        "empty_ms": statistics.median(empty for empty, _ in paints),
        "board_ms": statistics.median(board for _, board in paints),
        "over_empty_ms": statistics.median(board - empty for empty, board in paints),
        "filter_ms": statistics.median(filters),
        "filter_slowest_ms": max(filters),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    figures = {key: round(value) for key, value in measure(arguments.folder, arguments.rounds).items()}
    text = json.dumps(figures, indent=1) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)
    if figures["over_empty_ms"] > MAX_PAINT_MS or figures["filter_ms"] > MAX_FILTER_MS:
        raise SystemExit(f"too slow: at most {MAX_PAINT_MS} ms over empty, {MAX_FILTER_MS} ms a filter")
