"""Certainties on the report page in a real browser: samples to look at, cards, order, phone."""

from __future__ import annotations

import dataclasses

import pytest
from factories.runs import SHOWN, write_run
from factories.samples import make_sample, write_tables
from report_cards import card, choose

from dsrbench.report import write_page
from dsrbench.store import Run, RunManifest
from dsrbench.types import Certainty

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def index(rendered_run):
    return write_page(rendered_run)


P_PASS = {"1000_LR/0": 0.97, "1000_LR/1": 0.0, "1001_LT/0": 0.62, "1001_LT/1": 0.3, "1002_TR/0": 0.48}


@pytest.fixture(scope="module")
def certain_index(tmp_path_factory):
    """A page of a run in which some samples of the model alpha have a certainty."""
    run = write_run(tmp_path_factory.mktemp("certain") / "run", SHOWN)
    samples = []
    for sample in run.samples():
        p_pass = P_PASS.get(f"{sample.prompt.id}/{sample.seed}") if sample.model == "alpha" else None
        certainty = Certainty(p_pass, 0.5, 0.875) if p_pass is not None else None
        samples.append(dataclasses.replace(sample, score=dataclasses.replace(sample.score, certainty=certainty)))
    write_tables(run, samples)
    return write_page(run)


def test_look_at_these_lead_to_the_cards(open_page, certain_index):
    page = open_page(certain_index)
    look = page.locator("#look")
    assert "40.0 % of the decisions at 0.7 are certain: 2 of 5 with a certainty." in look.inner_text()
    assert look.get_by_role("button").all_inner_texts() == [
        "1002_TR, seed 0, alpha",
        "1001_LT, seed 0, alpha",
        "1001_LT, seed 1, alpha",
    ]
    assert "P(pass) 48.0 %, 90 % interval 0.50 – 0.88" in look.inner_text()
    choose(page, "Relation").select_option("LR")
    look.get_by_role("button", name="1001_LT, seed 0").click()
    assert page.evaluate("location.hash") == "#sort=uncertain"
    assert "1001_LT, seed 0" in page.evaluate("document.activeElement.innerText")
    assert [meta.split(" · ")[0] for meta in page.locator(".card .title .meta").all_inner_texts()[:3]] == [
        "1002_TR, seed 0",
        "1001_LT, seed 0",
        "1001_LT, seed 1",
    ]


def test_a_standalone_page_lists_the_samples_it_has(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr("dsrbench.report.page.MAX_STANDALONE_SAMPLES", 2)
    run = Run(tmp_path / "run")
    run.write_manifest(RunManifest(models=("m",)))
    p_pass = {0.72: 0.6, 0.65: 0.4, 0.9: 0.55, 0.1: 0.0}
    write_tables(run, [make_sample(score, prompt=f"p{score}", p_pass=p) for score, p in p_pass.items()])
    page = open_page(write_page(run, standalone=True))
    text = page.locator("#look").inner_text()
    assert (
        "25.0 % of the decisions at 0.7 are certain: 1 of 4 with a certainty. The least certain in this file are:"
        in text
    )
    assert page.locator("#look").get_by_role("button").all_inner_texts() == ["p0.65, seed 0"]


def test_cards_say_certainty_and_interval(open_page, certain_index):
    page = open_page(certain_index)
    unsure, sure = card(page, "alpha/1001_LT #0.mp4"), card(page, "alpha/1000_LR #0.mp4")
    assert unsure.locator(".badge.unsure").inner_text() == "uncertain"
    assert "P(pass) 62.0 %, 90 % interval 0.50 – 0.88" in unsure.inner_text()
    assert sure.locator(".badge.unsure").count() == 0
    assert "P(pass) 97.0 %" in sure.inner_text()
    assert "P(pass)" not in card(page, "beta/1001_LT #0.mp4").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_certainties_fit_a_phone(open_page, certain_index, scheme):
    page = open_page(certain_index, viewport={"width": 360, "height": 740}, is_mobile=True, color_scheme=scheme)
    card(page, "alpha/1001_LT #0.mp4")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_run_without_certainties_says_nothing_of_them(open_page, index):
    page = open_page(index)
    assert page.locator("#look").is_hidden()
    assert page.locator("option", has_text="Least certain first").count() == 0
    page.goto(page.url + "#sort=uncertain")
    page.reload()
    assert choose(page, "Order").input_value() == "low"
