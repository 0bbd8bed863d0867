"""A headless Chromium; without one these tests are skipped, in CI they fail."""

from __future__ import annotations

import os
import shutil

import pytest

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
def open_page(chromium):
    """Open a file; afterwards nothing may have been logged, requested from a network or thrown."""
    contexts, troubles = [], []

    def open_(path, *, expect=(), **options):
        context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)  # a busy machine is slow, not wrong

        def note(kind, text):
            if not any(word in text for word in expect):
                troubles.append(f"{kind}: {text}")

        page.on("console", lambda message: note("console", message.text))
        page.on("pageerror", lambda error: note("error", str(error)))
        page.on("dialog", lambda dialog: note("dialog", dialog.message))
        page.on("request", lambda request: request.url.startswith("http") and note("network", request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def visit_site(chromium):
    """Open a view of a served board; afterwards nothing may have been logged, thrown, asked, or fetched elsewhere."""
    contexts, troubles = [], []

    def visit(address, query="", also=(), expect=(), **options):
        context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)

        def note(request):
            if not request.url.startswith((address, *also, "data:", "blob:")):
                troubles.append(request.url)

        def hear(message):
            if message.type == "error" and not any(word in message.text for word in expect):
                troubles.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", note)
        page.goto(address + query)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def address(folder):
    """Where the board of a module's fixture `folder` is served, account `lab` logged in."""
    from dsrbench.board.app import Site
    from dsrbench.board.app.serve import start

    app, address = start(Site.open(folder, account="lab"), wait=False)
    yield address
    app.close(verbose=False)
