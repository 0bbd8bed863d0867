"""A headless Chromium; without one these tests are skipped, in CI they fail."""

from __future__ import annotations

import contextlib
import os
import shutil

import pytest
from factories.served_board import serving

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    lacking = [] if path else ["Chromium (Debian: apt-get install chromium)"]
    try:
        from playwright import sync_api as api
    except ImportError:
        lacking.append("the package playwright")
    if lacking:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"not installed: {', '.join(lacking)}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """A page; afterwards nothing may have been thrown or asked, or logged that `is_trouble`, or fetched elsewhere."""
    contexts, troubles = [], []

    def new(*, at, is_trouble, also=(), expect=(), **options):
        context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(240_000)  # a busy machine is slow, not wrong

        def note(kind, text):
            if not any(word in text for word in expect):
                troubles.append(f"{kind}: {text}")

        page.on("console", lambda message: is_trouble(message) and note("console", message.text))
        page.on("pageerror", lambda error: note("error", str(error)))
        page.on("dialog", lambda dialog: note("dialog", dialog.message))
        known = (at, *also, "data:", "blob:")
        page.on("request", lambda asked: asked.url.startswith(known) or note("network", asked.url))
        return page

    yield new
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def open_page(new_page):
    """Open a file; nothing at all may be logged, or requested from a network."""

    def open_(path, **options):
        page = new_page(at="file:", is_trouble=lambda message: True, **options)
        page.goto(path.resolve().as_uri())
        return page

    return open_


@pytest.fixture
def visit_site(new_page):
    """Open a view of a served board; no error may be logged."""

    def visit(address, query="", **options):
        page = new_page(at=address, is_trouble=lambda message: message.type == "error", **options)
        page.goto(address + query)
        return page

    return visit


@pytest.fixture(scope="module")
def serve():
    """Serve a board on this machine; its address."""
    with contextlib.ExitStack() as stack:
        yield lambda site: stack.enter_context(serving(site)) + "/"


@pytest.fixture(scope="module")
def address(folder, serve):
    """Where the board of a module's fixture `folder` is served, account `lab` logged in."""
    from dsrbench.board.app import Site

    return serve(Site.open(folder, account="lab"))
