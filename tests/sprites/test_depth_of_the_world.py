"""Depth of the sprites world: true maps, clips that obey, and the learned network."""

from __future__ import annotations

import numpy as np
import pytest

from dsrbench import Prompt, VideoTracks, score_tracks
from dsrbench.backends.base import DepthEstimator
from dsrbench.backends.depth.measure import measure_depth
from dsrbench.errors import MissingExtraError, PromptError, WeightsError
from dsrbench.prompts import read_suite
from dsrbench.sprites.embedded import write_sums
from dsrbench.sprites.world import (
    DEPTH_TYPES,
    FPS,
    HEIGHT,
    SCENES,
    WIDTH,
    Kind,
    check_prompt,
    draw_depth_spec,
    draw_spec,
    render_actors,
)  # fmt: skip
from dsrbench.sprites.world.mix import DISOBEDIENT
from dsrbench.types import Diagnosis, Status


class Truth(DepthEstimator):
    """Gives the maps of a rendered clip."""

    def __init__(self, maps):
        self.maps = maps

    def estimate(self, frames):
        return self.maps


def make_prompt(relations="LF", subject="duck", object="umbrella", scene="On a beach"):
    return Prompt("p", f"The {subject} walks.", subject, object, relations, scene)


def render(relations, kind, seed):
    rng = np.random.default_rng(seed)
    prompt = make_prompt(relations, subject=("duck", "pig", "cat")[seed % 3], scene=list(SCENES)[seed % len(SCENES)])
    spec = draw_depth_spec(prompt, rng, kind=kind)
    return prompt, spec, render_actors(spec, rng)


def score(prompt, spec, rendered, estimator=None):
    subject = np.full_like(rendered.boxes[0], np.nan) if spec.subject is None else rendered.boxes[spec.subject]
    tracks = VideoTracks(subject, rendered.boxes[spec.object], (WIDTH, HEIGHT), FPS)
    return score_tracks(measure_depth(estimator or Truth(rendered.depth), [tracks], [rendered.frames])[0], prompt)


@pytest.mark.parametrize("relations", DEPTH_TYPES)
def test_obedient_clips_pass(relations):
    scores = [score(*render(relations, Kind.CORRECT, seed)) for seed in range(20)]
    scored = [s for s in scores if s.status is Status.SCORED]
    assert len(scored) >= 18
    assert np.mean([s.passes() for s in scored]) >= 0.9
    assert np.mean([s.dsr_score for s in scored]) >= 0.75


@pytest.mark.parametrize("kind", DISOBEDIENT)
@pytest.mark.parametrize("relations", ["LF", "BF", "BR"])
def test_disobedient_clips_do_not_pass(relations, kind):
    scores = [score(*render(relations, kind, seed)) for seed in range(8)]
    passing = [s.dsr_score for s in scores if s.status is Status.SCORED and s.passes()]
    # what stands behind stands to one side, too, so that a part of the way to that side may be just enough
    assert len(passing) <= (1 if kind is Kind.PARTIAL else 0)
    assert all(value < 0.72 for value in passing)
    if kind is Kind.NONE:
        assert {s.status for s in scores} == {Status.INVALID}
    if kind is Kind.REVERSED:
        assert [s.diagnosis for s in scores if s.status is Status.SCORED].count(Diagnosis.REVERSED) >= 4


def test_nearer_is_lower_larger_and_hides():
    hidden = 0
    for seed in range(20):
        _, spec, rendered = render("FB", Kind.CORRECT, seed)
        actor, object_ = spec.actors[spec.subject], spec.actors[spec.object]
        assert actor.ground[0] > object_.ground[0]
        assert actor.ground[-1] < object_.ground[-1]
        assert actor.sizes[0] > actor.sizes[-1]
        sides = rendered.boxes[1][:, 2:] - rendered.boxes[1][:, :2]
        assert sides[0].sum() > sides[-1].sum()
        assert rendered.visible[1][0] == pytest.approx(1), "nothing hides what is in front"
        hidden += bool((rendered.visible[1] < 1).any())
    assert hidden >= 5


def test_a_map_is_the_ground_of_each_pixel():
    _, spec, rendered = render("LF", Kind.STATIC_START, 1)
    assert rendered.depth.shape == rendered.frames.shape[:3]
    assert rendered.depth.dtype == np.float32
    for actor, box in zip(spec.actors, rendered.boxes[:, 3], strict=True):
        x0, y0, x1, y1 = box.astype(int)
        assert np.median(rendered.depth[3, y0:y1, x0:x1]) == pytest.approx(actor.ground[3] / HEIGHT, abs=0.03)
    corners = rendered.depth[3, [0, -1]][:, [0, -1]]
    assert (corners[0] < corners[1]).all()


def test_clips_of_prompts_without_depth_have_maps_too():
    rng = np.random.default_rng(0)
    spec = draw_spec(make_prompt("LR"), rng, kind=Kind.CORRECT)
    rendered = render_actors(spec, rng)
    assert rendered.depth.shape == rendered.frames.shape[:3]


def test_what_the_world_cannot_show_is_refused():
    with pytest.raises(PromptError):
        draw_depth_spec(make_prompt("LR"), np.random.default_rng(0))
    with pytest.raises(PromptError):
        draw_spec(make_prompt("LF"), np.random.default_rng(0))
    with pytest.raises(PromptError):
        draw_depth_spec(make_prompt("LF", subject="horse"), np.random.default_rng(0))
    for prompt in read_suite("sprites-depth"):
        check_prompt(prompt, types=DEPTH_TYPES)


def test_the_embedded_network_knows_what_is_nearer():
    pytest.importorskip("diffusers")
    from dsrbench.backends.depth.sprites import SpritesDepth

    net, right, passed = SpritesDepth(), [], []
    for seed in range(30):
        prompt, spec, rendered = render(DEPTH_TYPES[seed % 10], Kind.CORRECT, seed)
        tracks = VideoTracks(rendered.boxes[1], rendered.boxes[0], (WIDTH, HEIGHT), FPS)
        depth = measure_depth(net, [tracks], [rendered.frames])[0].depth
        nearer = spec.actors[1].ground - spec.actors[0].ground
        counted = (np.abs(nearer) >= 1) & ~np.isnan(depth[:, 0])
        right.extend(np.sign(depth[counted, 0] - depth[counted, 1]) == np.sign(nearer[counted]))
        passed.append(score(prompt, spec, rendered, net).passes())
    assert np.mean(right) >= 0.95
    assert np.mean(passed) >= 0.8


def test_enlarged_clips_have_the_same_maps():
    pytest.importorskip("diffusers")
    from dsrbench.backends.depth.sprites import SpritesDepth

    net = SpritesDepth()
    frames = render("LF", Kind.CORRECT, 0)[2].frames
    np.testing.assert_allclose(net.estimate(frames.repeat(4, 1).repeat(4, 2)), net.estimate(frames), atol=1e-5)


def test_mirrored_clips_have_mirrored_maps():
    pytest.importorskip("diffusers")
    from dsrbench.backends.depth.sprites import SpritesDepth

    net = SpritesDepth()
    frames = render("FB", Kind.CORRECT, 2)[2].frames
    np.testing.assert_allclose(net.estimate(frames[:, :, ::-1]), net.estimate(frames)[:, :, ::-1], atol=1e-5)


def test_damaged_networks_are_refused(tmp_path, monkeypatch):
    pytest.importorskip("diffusers")
    from dsrbench.backends import registry
    from dsrbench.backends.depth.sprites import SpritesDepth
    from dsrbench.sprites.model.depth import SpritesDepthNet

    SpritesDepthNet(channels=8, blocks=1).save_pretrained(tmp_path / "net")
    write_sums(tmp_path / "net")
    backend = registry.depth_estimators.create("sprites", {"folder": str(tmp_path / "net")})
    assert backend.instance.estimate(np.zeros((2, 64, 96, 3), np.uint8)).shape == (2, HEIGHT, WIDTH)
    assert len(backend.fingerprint["weights"]["diffusion_pytorch_model.safetensors"]) == 64
    (tmp_path / "net" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 100)
    write_sums(tmp_path / "net")
    with pytest.raises(WeightsError, match="sprites depth network cannot be loaded"):
        SpritesDepth(folder=tmp_path / "net")
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    monkeypatch.delitem(__import__("sys").modules, "dsrbench.sprites.model.depth", raising=False)
    write_sums(tmp_path / "net")
    with pytest.raises(MissingExtraError, match="sprites"):
        SpritesDepth(folder=tmp_path / "net")
