"""Take pictures of the application with a board of made-up entries.

python benchmark/board/made_up.py FOLDER --entries 8 --kinds && python benchmark/board/picture.py FOLDER
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from dsrbench.board.app import Site
from dsrbench.board.app.serve import start

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"
"""Folder of the picture that the documentation has too."""

VIEWS = {
    "board": ("?tab=board", "#board tbody tr", {"viewport": {"width": 1180, "height": 1500}}),
    "compare": ("?tab=compare&a=made-up-000&b=made-up-001", "#compare .prose", {}),
    "samples": ("?tab=samples&entry=made-up-001&outcome=correct", "#sample svg.chart", {}),
    "scoring": ("?tab=scoring", "dsr-scoring svg.chart", {"color_scheme": "dark"}),
    "phone": ("?tab=board", "#board tbody tr", {"viewport": {"width": 375, "height": 740}}),
}
"""Address, selector to wait for, and options of the browser, by the name of the picture."""


def take_pictures(folder: Path, out: Path) -> None:
    """Write a PNG of each view."""
    app, address = start(Site.open(folder, account="reader", read_only=True), wait=False)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (query, selector, options) in VIEWS.items():
            page = browser.new_page(**{"viewport": {"width": 1180, "height": 860}, **options})
            page.goto(address + query)
            page.locator(selector).first.wait_for()
            page.locator("h1").wait_for()
            page.wait_for_timeout(500)
            page.screenshot(path=(IMAGES if name == "board" and out == HERE else out) / f"{name}.png")
            page.close()
        browser.close()
    app.close(verbose=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    take_pictures(arguments.folder, arguments.out)
