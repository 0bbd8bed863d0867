"""`sprites-template` against true boxes: recall, decisions, doubles, absences, other sizes, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench import Prompt, score_tracks
from dsrbench.backends import registry
from dsrbench.backends.detectors.sprites_template import SpritesTemplate
from dsrbench.backends.trackers.assignment import Assignment
from dsrbench.errors import OptionError, PromptError
from dsrbench.geometry import iou_matrix
from dsrbench.prompts import read_suite
from dsrbench.sprites.world import FPS, HEIGHT, SCENES, WIDTH, draw_spec, render_actors, render_clip
from dsrbench.sprites.world.resize import to_world_size


def make_clip(kind, seed=0, subject="duck", object="umbrella", relations="LR", scene="On a beach"):
    rng = np.random.default_rng(seed)
    prompt = Prompt("p", "walks", subject, object, relations, scene)
    spec = draw_spec(prompt, rng, kind=kind)
    return prompt, spec, render_actors(spec, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def validation():
    """A clip of each prompt of the first half of the validation suite: prompt, true tracks, detections."""
    rng, detector, clips = np.random.default_rng(5), SpritesTemplate(), []
    for prompt in read_suite("sprites-val").prompts[:20]:
        frames, tracks = render_clip(draw_spec(prompt, rng), rng)
        clips.append((prompt, tracks, detector.detect(frames, [prompt.subject, prompt.object])))
    return clips


def test_recall_on_rendered_clips(validation):
    hits, false = [], 0
    for _, tracks, detections in validation:
        for t, found in enumerate(detections):
            for label, truth in enumerate((tracks.subject[t], tracks.object[t])):
                boxes = found.xyxy[found.label == label]
                if not np.isnan(truth).any():
                    hits.append(bool(len(boxes)) and iou_matrix(truth[None], boxes).max() >= 0.7)
                elif len(boxes):
                    false += 1
    assert np.mean(hits) >= 0.98
    assert false / len(hits) < 0.01


def test_decisions_agree_with_the_truth(validation):
    tracker, agree = Assignment(), []
    for prompt, tracks, detections in validation:
        seen = tracker.associate(detections, prompt=prompt, size=(WIDTH, HEIGHT), fps=FPS)
        agree.append(score_tracks(seen, prompt).passes() == score_tracks(tracks, prompt).passes())
    assert np.mean(agree) >= 0.95


def test_doubles_and_absences():
    _, _, rendered = make_clip("two")
    for t, found in enumerate(SpritesTemplate().detect(rendered.frames, ["duck", "umbrella"])):
        assert found.label.tolist().count(0) == 2
        ious = iou_matrix(rendered.boxes[1:, t], found.xyxy[found.label == 0])
        assert ious.max(axis=1).min() > 0.8
    _, _, rendered = make_clip("none")
    assert {tuple(f.label) for f in SpritesTemplate().detect(rendered.frames, ["duck", "umbrella"])} == {(1,)}


@pytest.mark.parametrize("scene", SCENES)
def test_a_wall_of_the_colour_of_cardboard_is_no_box(scene):
    _, _, rendered = make_clip("static_start", scene=scene)
    assert [len(f) for f in SpritesTemplate().detect(rendered.frames[:2], ["box", "elephant"])] == [0, 0]


def test_enlarged_frames_give_enlarged_boxes():
    _, _, rendered = make_clip("correct")
    small = SpritesTemplate().detect(rendered.frames, ["duck", "umbrella"])
    large = rendered.frames.repeat(5, axis=1).repeat(5, axis=2)
    np.testing.assert_array_equal(to_world_size(large), rendered.frames)
    for a, b in zip(small, SpritesTemplate().detect(large, ["duck", "umbrella"]), strict=True):
        np.testing.assert_allclose(b.xyxy, a.xyxy * 5)
        np.testing.assert_array_equal(b.label, a.label)


def test_noise_holds_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (4, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for labels in (["cat", "box"], ["rabbit", "ball"], ["penguin", "table"]):
        assert [len(found) for found in SpritesTemplate().detect(noise, labels)] == [0] * 4


def test_registered_with_options():
    backend = registry.detectors.create("sprites-template", {"threshold": "0.7"})
    assert backend.options == {"threshold": 0.7, "overlap": 0.4}


def test_refusals():
    with pytest.raises(PromptError, match=r"no 'horse'.*Known: ball, box"):
        SpritesTemplate().check_labels(["cat", "horse"])
    with pytest.raises(OptionError, match=r"threshold must lie in 0\.\.1, got 2"):
        SpritesTemplate(threshold=2)
