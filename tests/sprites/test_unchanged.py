"""Clips and suites without depth: the same bytes as before the world had a ground plane."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dsrbench.prompts import read_suite
from dsrbench.sprites.world import draw_spec, render_actors

SUITES = {
    "sprites": "e1ad7f5ff18285e3dcd78aed9232e9fdfa1b55e308db4b3a3461c89b18a0fe7b",
    "sprites-test": "d6102b3ed5f88e2719785292c5c8d14647a22279413e947c1e601e4bbce2d0d0",
    "sprites-val": "1f2c4794aae3e2a308fa9dab69572cd5a3c773b09e00e350cd397832226cafe1",
    "sprites-train": "46c1713456fdad54905c30af45d38ff2724f99feed22bf026c88e9c7effba365",
}


def test_clips_have_the_same_pixels_and_boxes():
    digest = hashlib.sha256()
    for number, prompt in enumerate(read_suite("sprites-test")):
        rng = np.random.default_rng([20271127, number])
        rendered = render_actors(draw_spec(prompt, rng), rng)
        digest.update(rendered.frames.tobytes())
        digest.update(rendered.boxes.tobytes())
    assert digest.hexdigest() == "15a98662dc540fd75a7da16e77d4d8c992b4c6edb21a0112d57751d6dfbdf7d7"


@pytest.mark.parametrize("name", SUITES)
def test_suites_have_the_same_prompts(name):
    assert read_suite(name).sha256 == SUITES[name]
