"""The site in a browser: on a phone, light and dark, the figure of the metric, and the search."""

from __future__ import annotations

import functools
import http.server
import threading

import pytest
from factories.site import build_site, copy_pages

from dsrbench import VideoTracks, score_tracks

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files, without a line a request."""

    def log_message(self, *args):
        """Print nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = copy_pages(tmp_path_factory.mktemp("site"))
    done = build_site(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    handler = functools.partial(Quiet, directory=str(folder / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.parametrize(("scheme", "name"), [("light", "default"), ("dark", "slate")])
@pytest.mark.parametrize("path", ["", "concepts/metric/", "reference/cli/", "reference/api-scores/", "questions/"])
def test_a_reader_on_a_phone(path, scheme, name, address, visit_site):
    page = visit_site(address, path, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page.locator("h1").first.wait_for()
    page.wait_for_function("name => document.body.getAttribute('data-md-color-scheme') === name", arg=name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("preset", ["As asked", "Stands still", "Reversed", "Half the way"])
def test_the_figure_gives_the_scores_of_the_package(preset, address, visit_site):
    figure = visit_site(address, "concepts/metric/").locator("dsr-scoring")
    figure.get_by_role("button", name=preset).click()
    state = figure.evaluate("element => element.state()")
    score = score_tracks(VideoTracks(state["subject"], state["object"]), "".join(state["relations"]))
    assert score.dsr_score == pytest.approx(state["score"], abs=1e-9)
    assert f"{score.dsr_score:.3f}" in figure.inner_text()


def test_the_search_finds_a_page(address, visit_site):
    page = visit_site(address)
    page.locator("h1").first.wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("how sure a decision is")
    page.locator("a[href*='concepts/certainty']").last.wait_for()
