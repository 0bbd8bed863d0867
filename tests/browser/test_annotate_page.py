"""The page of annotators in a real browser: by keyboard alone, undo, a server that is killed, phone and dark."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import urllib.request
from contextlib import closing

import pytest
from annotation_page import annotating, free_port, press_answers, wait_task
from factories.runs import Spec, write_run

from dsrbench.analysis.labels import read_labels
from dsrbench.analysis.people import compare_people

pytestmark = pytest.mark.browser

SPECS = [
    Spec("alpha", "1000_LR", "LR", "LR"),
    Spec("alpha", "1000_LR", "LR", "RL", seed=1),
    Spec("beta", "1000_LR", "LR", "LR", flaw="no subject"),
    Spec("alpha", "1001_LT", "LT", "LT", subject="dog", object="chair"),
    Spec("beta", "1001_LT", "LT", "L", subject="dog", object="chair"),
    Spec("beta", "1002_TR", "TR", "TR", subject="frog", object="stone"),
    Spec("gamma", "1002_TR", "TR", "UR", subject="frog", object="stone"),
]

NAMES = {"L": "left", "R": "right", "T": "top", "U": "under"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"), SPECS)


@pytest.fixture
def visit(visit_site):
    """Open an annotator's link; no error may be logged, and nothing may come from elsewhere."""

    def visit(link, **options):
        address, mark, query = link.partition("?")
        return visit_site(address, mark + query, **options)

    return visit


def look(page, run, sizes):
    """The spec of the clip that is shown, by the bytes of its video: the test sees what a person sees."""
    address = page.locator("video").first.evaluate("video => video.src")
    with urllib.request.urlopen(address, timeout=30) as answer:
        return sizes[answer.read()]


@pytest.fixture(scope="module")
def by_bytes(run):
    names = {sample.id: run.find_video(sample.video).read_bytes() for sample in run.samples()}
    return {names[spec.model, spec.prompt_id, spec.seed]: spec for spec in SPECS}


def answer_clips(page, run, by_bytes, rule, n):
    """Answer the next n clips by keyboard."""
    task = wait_task(page)
    for _ in range(n):
        press_answers(page, *rule(look(page, run, by_bytes)))
        task = wait_task(page, task)
    return task


def truthful(spec):
    if spec.flaw == "no subject":
        return NAMES[spec.path[0]], "unknown" if spec.seed else NAMES[spec.path[-1]], "object"
    return NAMES[spec.path[0]], NAMES[spec.path[-1]], "both"


def careless(spec):
    """See the subject of every clip go from left to right."""
    return "left", "right", "both"


def doubting(spec):
    """Cannot tell what happens to frogs."""
    return ("unknown", "unknown", "unknown") if spec.subject == "frog" else truthful(spec)


def expected_decisions(rules):
    """The share of the annotators who accept each clip, of those who can tell."""
    shares = {}
    for spec in SPECS:
        answers = [rule(spec) for rule in rules]
        decisions = [
            present == "both" and (start, end) == (NAMES[spec.asked[0]], NAMES[spec.asked[-1]])
            for start, end, present in answers
            if "unknown" not in (start, end, present)
        ]
        if decisions:
            shares[spec.model, spec.prompt_id, spec.seed] = sum(decisions) / len(decisions)
    return shares


@pytest.mark.slow
def test_three_annotators_by_keyboard(run, by_bytes, visit, tmp_path):
    rules = {"ada": truthful, "ben": careless, "cy": doubting}
    words = [word for name in rules for word in ("--annotator", name)]
    with annotating(run, tmp_path / "labels", *words, "--pairs", 2, "--repeats", 0.3) as (_, links):
        for name, rule in rules.items():
            with closing(visit(links[name])) as page:
                task = answer_clips(page, run, by_bytes, rule, 9)  # 7 clips, 2 of them again
                assert page.locator("video").count() == 2
                assert page.locator("#prompt").inner_text().startswith("A ")
                for key in "31":
                    page.keyboard.press(key)
                    page.keyboard.press("Enter")
                    task = wait_task(page, task)
                assert task == "end"
                assert "Thank you" in page.locator("#end").inner_text()
                assert page.locator("#count").inner_text() == "11 of 11"
    labels = read_labels(tmp_path / "labels")
    assert (len(labels.clips), labels.annotators) == (27, ["ada", "ben", "cy"])
    assert [label.better for label in labels.pairs] == ["same", "first"] * 3
    people = compare_people(run.samples(), labels)
    shares = expected_decisions(rules.values())
    assert {tuple(verdict.sample.id): verdict.share for verdict in people.largest} == pytest.approx(shares)
    assert (people.n_annotators, people.score.n_clips, people.consistency.value) == (3, 7, 1.0)
    assert people.n_unknown == sum(label.start == "unknown" for label in labels.clips) >= 2


def test_undo_and_a_server_that_is_killed(run, by_bytes, new_page, tmp_path):
    port = free_port()
    labels = tmp_path / "labels"
    with annotating(run, labels, "--pairs", 0, port=port) as (child, links):
        address, trouble = links["me"].partition("?")[0], "Failed to load"  # while the server is gone
        page = new_page(at=address, is_trouble=lambda message: message.type == "error", expect=[trouble])
        page.goto(links["me"])
        first = wait_task(page)
        assert page.get_by_role("button", name="Undo").is_disabled()
        second = answer_clips(page, run, by_bytes, truthful, 1)
        page.keyboard.press("z")
        assert wait_task(page, second) == first
        assert (labels / "me.jsonl").read_text() == ""
        assert answer_clips(page, run, by_bytes, truthful, 1) == second
        spec = look(page, run, by_bytes)
        child.send_signal(signal.SIGKILL)
        child.wait()
        press_answers(page, *truthful(spec))
        page.get_by_text("The server does not answer").wait_for()
        assert len((labels / "me.jsonl").read_text().splitlines()) == 1
    with annotating(run, labels, "--pairs", 0, port=port) as (_, links):
        page.keyboard.press("Enter")  # the answers are still on the page
        third = wait_task(page, second)
        assert page.locator("#notice").is_hidden()
        page.reload()
        assert wait_task(page) == third
        assert page.locator("#count").inner_text() == "2 of 7"
        answer_clips(page, run, by_bytes, truthful, 5)
        page.locator("#end").wait_for()
    people = compare_people(run.samples(), read_labels(labels))
    assert {tuple(verdict.sample.id): verdict.share for verdict in people.largest} == expected_decisions([truthful])


def test_two_windows(run, by_bytes, new_page, tmp_path):
    """An answer in a window that is behind is not taken; the window goes on where the other one is."""
    with annotating(run, tmp_path / "labels") as (_, links):
        address, pages = links["me"].partition("?")[0], []
        for _ in range(2):
            pages.append(
                new_page(at=address, is_trouble=lambda message: message.type == "error", expect=["409", "REFUSED"])
            )
            pages[-1].goto(links["me"])
        first = wait_task(pages[1])
        second = answer_clips(pages[0], run, by_bytes, truthful, 1)
        press_answers(pages[1], "none", "none", "neither")
        assert wait_task(pages[1], first) == second
        assert "answered in another window" in pages[1].locator("#notice").inner_text()
        answer_clips(pages[1], run, by_bytes, truthful, 1)
        assert pages[1].locator("#notice").is_hidden()
    assert [label.present == "neither" for label in read_labels(tmp_path / "labels").clips] == [False, False]


def test_the_keys(run, visit, tmp_path):
    with annotating(run, tmp_path / "labels") as (_, links), closing(visit(links["me"])) as page:
        task = wait_task(page)
        page.wait_for_function("() => document.querySelector('video').ended")
        page.keyboard.press("s")
        page.wait_for_function("() => document.querySelector('video').currentTime === 0")
        page.keyboard.press("e")
        page.wait_for_function("() => document.querySelector('video').currentTime > 1.5")
        page.keyboard.press("r")
        page.wait_for_function(
            "() => (video => !video.paused && video.currentTime < 1.5)(document.querySelector('video'))"
        )
        page.keyboard.press("p")
        assert page.evaluate("document.querySelector('video').paused")
        page.get_by_label("Position in the clip").fill("0.5")
        page.wait_for_function("() => Math.abs(document.querySelector('video').currentTime - 1) < 0.2")
        page.locator("input[type=radio]").first.focus()
        page.keyboard.press("9")  # no question has nine answers
        page.keyboard.press("Enter")
        assert page.locator("input:checked").count() == 0
        page.keyboard.press("3")
        page.keyboard.press("Enter")  # leads to the question without an answer
        assert page.locator("fieldset.active legend").inner_text().endswith("at the end?")
        page.keyboard.press("2")
        page.keyboard.press("Backspace")
        page.keyboard.press("Backspace")
        page.keyboard.press("4")
        page.keyboard.press("ArrowDown")
        values = page.locator("input:checked").evaluate_all("inputs => inputs.map(input => input.value)")
        assert values == ["under", "top"]
        page.keyboard.press("1")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        wait_task(page, task)
    (label,) = read_labels(tmp_path / "labels").clips
    assert (label.start, label.end, label.present) == ("under", "left", "both")


def test_names_for_screen_readers(run, visit, tmp_path):
    with (
        annotating(run, tmp_path / "labels", "--pairs", 0, "--repeats", 0) as (_, links),
        closing(visit(links["me"])) as page,
    ):
        wait_task(page)
        assert page.locator("form").get_by_role("group").count() == 3
        assert page.get_by_role("radio").count() == 21
        for group in page.locator("form").get_by_role("group").all():
            radios = group.get_by_role("radio")
            names = radios.evaluate_all("inputs => inputs.map(input => input.labels[0].innerText.trim())")
            assert all(names)
            group.get_by_role("radio", name="cannot tell").check()
        assert page.get_by_role("progressbar", name="Questions answered").count() == 1
        page.get_by_role("button", name="Next").click()
        page.get_by_text("1 of 7", exact=True).wait_for(timeout=60_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(run, visit, tmp_path, scheme):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    with (
        annotating(run, tmp_path / "labels", "--clips", 1, "--pairs", 1) as (_, links),
        closing(visit(links["me"], **phone)) as page,
    ):
        for n_videos, answers in ((1, ("right of", "on top of", "both")), (2, ("the second",))):
            task = wait_task(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.locator("video").count() == n_videos
            page.wait_for_function(
                "() => [...document.querySelectorAll('video')].every(video => video.readyState >= 2)"
            )
            if folder := os.environ.get("DSRBENCH_SCREENSHOTS"):
                page.screenshot(path=f"{folder}/annotate-{scheme}-{n_videos}.png", full_page=True)
            ink, ground = page.evaluate(
                """() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]
                       .map(text => text.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0))"""
            )
            assert (ink - ground > 300) if scheme == "dark" else (ground - ink > 300)
            for i, words in enumerate(answers):
                label = page.locator("fieldset").nth(i).locator("label", has_text=words)
                assert label.bounding_box()["height"] >= 42
                label.tap()
            page.locator("#next").tap()
            wait_task(page, task)
        page.locator("#end").wait_for()
    rows = [json.loads(line) for line in (tmp_path / "labels" / "me.jsonl").read_text().splitlines()]
    assert [row.get("end", row.get("better")) for row in rows] == ["top", "second"]


def test_nouns_that_are_hostile_stay_text(visit, tmp_path):
    spec = Spec("m", "p", "LR", "LR", subject="<img src=x onerror=window.pwned=1>", object="{seed}")
    run = write_run(tmp_path / "run", [spec, dataclasses.replace(spec, path="RL", seed=1)])
    with annotating(run, tmp_path / "labels", "--clips", 0) as (_, links), closing(visit(links["me"])) as page:
        wait_task(page)
        assert not page.evaluate("window.pwned")
    with annotating(run, tmp_path / "labels") as (_, links), closing(visit(links["me"])) as page:
        wait_task(page)
        assert page.locator("legend").first.inner_text() == f"Where is the {spec.subject} at the start?"
        assert page.locator("fieldset span").first.inner_text() == "left of the {seed}"
        assert not page.evaluate("window.pwned")
