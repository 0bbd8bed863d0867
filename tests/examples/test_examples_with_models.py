"""The examples as they run without arguments: on the embedded model, with small numbers."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("diffusers")

pytestmark = pytest.mark.slow


def test_score_videos_makes_some_first(example, tmp_path):
    text = example("score_videos.py", "--limit", "2")
    assert "2 samples of 1 model(s), suite sprites: runs/score-videos" in text
    assert "has no video" not in text
    assert re.search(r"^coverage +[\d.]+ of 2 videos", text, re.M)


def test_custom_detector_on_the_embedded_model(example):
    assert re.search(r"^coverage [\d.]+, Accuracy@0\.7 [\d.]+$", example("custom_detector.py"), re.M)


def test_compare_with_and_without_guidance(example):
    text = example("compare_two_models.py", "--limit", "4")
    assert re.search(r"^unguided .*\nguided .*\ndifference ", text, re.M)
    assert "over             4 pairs of 2 prompts" in text


def test_a_reward_trains_the_embedded_model(example):
    lines = example("reward_in_a_training_loop.py", "--steps", "2", "--clips", "2").splitlines()
    steps = [line for line in lines if line.startswith("step ")]
    assert len(steps) == 2
    assert all(re.fullmatch(r"step \d: reward [01]\.\d+, passing [01]\.\d+, loss -?\d+\.\d+", line) for line in steps)
