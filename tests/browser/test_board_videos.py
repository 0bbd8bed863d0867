"""Videos beside a board, in a real browser: played with their boxes, sought, and done without."""

from __future__ import annotations

import dataclasses

import pytest
from factories.entries import make_rows, write_entry
from factories.runs import FPS, render
from factories.served_board import SERVED

from dsrbench.board import Intake, open_stores
from dsrbench.video import sha256_file, write_mp4

pytest.importorskip("gradio")

pytestmark = [pytest.mark.browser, *SERVED]

FRAMES = 33


@pytest.fixture(scope="module")
def rows():
    return make_rows(share=1, frames=FRAMES)


@pytest.fixture(scope="module")
def address(rows, serve, tmp_path_factory):
    """A board whose first sample has a video, the second a file that is none, the others nothing."""
    from dsrbench.board.app import Site

    folder = tmp_path_factory.mktemp("board")
    videos = folder / "videos"
    videos.mkdir()
    write_mp4(videos / "a.mp4", render(rows[0].tracks), fps=FPS)
    (videos / "b.mp4").write_bytes(b"this is no video" * 50)
    given = [
        dataclasses.replace(row, video_sha256=sha256_file(videos / f"{name}.mp4"))
        for name, row in zip("ab", rows, strict=False)
    ]
    entry = write_entry(folder / "given", name="mine", rows=[*given, *rows[2:]])
    assert Intake(*open_stores(folder / "board")).submit(entry, "lab").is_accepted
    return serve(Site.open(folder / "board", account="lab", videos=videos))


@pytest.fixture
def open_sample(visit_site, address, rows):
    def open_(index):
        row = rows[index]
        page = visit_site(address, f"?tab=samples&entry=mine&sample={row.prompt_id}/{row.seed}")
        page.locator("#sample svg.chart").wait_for()
        return page

    return open_


STATE = """() => {
  const video = document.querySelector('#sample video'), box = document.querySelector('#sample rect.subject');
  const at = document.querySelector('#sample dsr-clip .row span').textContent;
  return { frame: +at.match(/frame (\\d+)/)[1] - 1, x: +box.getAttribute('x'), y: +box.getAttribute('y'),
           time: video && video.currentTime, paused: !video || video.paused };
}"""


def expect_box(rows, shown, index=0):
    """The subject's box drawn is that of the frame shown."""
    x, y = rows[index].tracks.subject[shown["frame"]][:2]
    assert (shown["x"], shown["y"]) == pytest.approx((x, y), abs=0.1)


def test_a_video_plays_with_its_boxes(open_sample, rows):
    page = open_sample(0)
    page.wait_for_function("document.querySelector('#sample video').readyState >= 1")
    found = page.locator("#sample video").evaluate("video => [video.videoWidth, video.videoHeight, video.duration]")
    assert found == pytest.approx([*rows[0].tracks.size, FRAMES / FPS], abs=0.1)
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("+document.querySelector('#sample input[type=range]').value > 5")
    while not (shown := page.evaluate(STATE))["paused"]:
        expect_box(rows, shown)
        # a busy machine draws late, but what is drawn was on the screen and is no later than the sound of it
        assert shown["frame"] <= shown["time"] * FPS + 1
    page.get_by_text(f"frame {FRAMES} of {FRAMES}").wait_for()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    expect_box(rows, page.evaluate(STATE))


def test_a_frame_is_sought(open_sample, address, rows):
    page = open_sample(0)
    slider = page.get_by_label("Frame", exact=True).locator("visible=true")
    for frame in (20, 3):
        slider.fill(str(frame))
        page.wait_for_function(
            "at => { const video = document.querySelector('#sample video'); "
            "return !video.seeking && Math.abs(video.currentTime - at) < 0.01; }",
            arg=(frame + 0.5) / FPS,
        )
        expect_box(rows, page.evaluate(STATE))
    source = page.locator("#sample video").get_attribute("src")
    whole = page.request.get(address + source).body()
    part = page.request.get(address + source, headers={"Range": "bytes=100-199"})
    assert (part.status, part.body()) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"


@pytest.mark.slow
def test_without_a_video_boxes_and_curves_are_drawn(open_sample, rows):
    page = open_sample(1)
    page.get_by_text("This browser cannot play the video").wait_for()
    for index in (1, 2):
        if index == 2:
            page = open_sample(2)
        assert page.locator("#sample video").count() == 0
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function("+document.querySelector('#sample input[type=range]').value > 3")
        expect_box(rows, page.evaluate(STATE), index)
        page.get_by_text(f"frame {FRAMES} of {FRAMES}").wait_for()
        assert page.locator("#sample svg.chart .playhead").count() == 1
