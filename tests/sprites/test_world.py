"""The renderer: true boxes, obedience as DSR-Score sees it, depth, nouns that differ, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dsrbench import FrameCounts, Prompt, Status, score_tracks
from dsrbench.errors import PromptError
from dsrbench.sprites.world import (
    ANIMALS,
    FRAMES,
    HEIGHT,
    OBJECTS,
    SCENES,
    TYPES,
    WIDTH,
    Gait,
    Kind,
    draw_spec,
    render_actors,
    render_clip,
)  # fmt: skip
from dsrbench.sprites.world.bitmaps import bitmap
from dsrbench.sprites.world.mix import DISOBEDIENT, OBEDIENT, draw_kind
from dsrbench.sprites.world.render import VISIBLE
from dsrbench.sprites.world.scenes import draw_background
from dsrbench.types import Diagnosis

NOUNS = [*ANIMALS, *OBJECTS]


def make_prompt(relations="LR", subject="cat", object="box", scene="On a beach", verb="walks"):
    return Prompt("p", f"The {subject} {verb}.", subject, object, relations, scene)


def draw_prompt(rng, relations):
    subject, object, scene = (str(rng.choice(list(some))) for some in (ANIMALS, OBJECTS, SCENES))
    return make_prompt(relations, subject, object, scene, str(rng.choice([gait.value for gait in Gait])))


def scores_of(kind, relations, n=40):
    rng = np.random.default_rng([list(Kind).index(kind), TYPES.index(relations)])
    prompts = [draw_prompt(rng, relations) for _ in range(n)]
    return [score_tracks(render_clip(draw_spec(p, rng, kind=kind), rng)[1], p) for p in prompts]


@pytest.mark.parametrize("relations", TYPES)
def test_obedient_clips_are_correct(relations):
    scores = scores_of(Kind.CORRECT, relations)
    assert min(score.dsr_score for score in scores) >= 0.8
    assert {score.diagnosis for score in scores} == {Diagnosis.CORRECT}


@pytest.mark.parametrize(("kind", "relations"), list(itertools.product(DISOBEDIENT, TYPES)))
def test_disobedient_clips_are_not(kind, relations):
    scores = scores_of(kind, relations)
    if kind is Kind.NONE:
        assert {score.status for score in scores} == {Status.INVALID}
        return
    assert not any(score.passes(0.7) for score in scores)
    meant = {
        Kind.STATIC_START: {Diagnosis.STATIC},
        Kind.STATIC_END: {Diagnosis.STATIC},
        Kind.TWO: {Diagnosis.STATIC},
        Kind.REVERSED: {Diagnosis.REVERSED},
        Kind.PARTIAL: {Diagnosis.PARTIAL, Diagnosis.STATIC},
    }
    if kind in meant:
        assert {score.diagnosis for score in scores} <= meant[kind]


def test_boxes_are_tight_around_what_is_drawn():
    """The object is seen alone, so the pixels that differ from the bare background are its own."""
    rng = np.random.default_rng(1)
    for noun in OBJECTS:
        prompt = make_prompt(object=noun)
        spec = draw_spec(prompt, rng, kind=Kind.NONE)
        rendered = render_actors(spec, np.random.default_rng(7))
        background = draw_background(spec.scene, np.random.default_rng(7))
        x0, y0, x1, y1 = rendered.boxes[0, 0].astype(int)
        assert (rendered.boxes[0] == rendered.boxes[0, 0]).all()
        differs = np.abs(rendered.frames[0] - background).max(axis=-1) > 1
        above = np.flatnonzero(differs.any(axis=1))[0]
        # A faint edge of less than half a pixel may stick out; shadows reach only sideways and down.
        assert y0 - 1 <= above <= y0
        assert differs[y0:y1, x0].any() or differs[y0:y1, x0 - 1].any()
        assert 8 <= x1 - x0 <= 15
        assert 6 <= y1 - y0 <= 15


def test_boxes_are_amodal_until_little_is_seen():
    rng = np.random.default_rng(3)
    hidden = 0
    for _ in range(60):
        prompt = draw_prompt(rng, "LR")
        spec = draw_spec(Prompt("p", "walks", prompt.subject, "box", "LR", "On a beach"), rng, kind=Kind.CORRECT)
        rendered = render_actors(spec, rng)
        present = ~np.isnan(rendered.boxes[..., 0])
        assert (present == (rendered.visible >= VISIBLE)).all()
        subject = rendered.boxes[1][present[1]]
        widths = subject[:, 2] - subject[:, 0]
        # Behind the box or not, the box of the subject keeps its width.
        assert np.ptp(widths) <= 2
        hidden += int((rendered.visible[1] < 0.9).any())
    assert hidden > 5


def test_nearer_actors_hide_those_behind():
    rng = np.random.default_rng(5)
    for _ in range(20):
        spec = draw_spec(make_prompt("LR", "pig", "box"), rng, kind=Kind.CORRECT)
        rendered = render_actors(spec, rng)
        crossing = np.argmin(np.abs(np.asarray(spec.actors[1].x) - spec.actors[0].x[0]))
        nearer = 1 if spec.actors[1].depth > spec.actors[0].depth else 0
        assert rendered.visible[nearer, crossing] == pytest.approx(1)
        assert rendered.visible[1 - nearer, crossing] < 0.9


def test_two_show_the_subject_twice_and_leavers_leave():
    rng = np.random.default_rng(2)
    two = draw_spec(make_prompt(), rng, kind="two")
    assert [actor.noun for actor in two.actors] == ["box", "cat", "cat"]
    gone = render_clip(draw_spec(make_prompt(), rng, kind="leaves"), rng)[1]
    assert np.isnan(gone.subject[-1]).all()
    assert not np.isnan(gone.subject[0]).any()


@pytest.mark.parametrize("gait", Gait)
def test_gaits_follow_the_verb(gait):
    rng = np.random.default_rng(4)
    actor = draw_spec(make_prompt(verb=gait.value), rng, kind="correct").actors[1]
    turns = np.count_nonzero(np.diff(np.sign(np.diff(actor.base)[np.diff(actor.base) != 0])))
    assert {Gait.STRAIGHT: turns == 0, Gait.ARCHED: turns == 1, Gait.HOPPING: turns >= 3}[gait]


def test_nouns_differ_in_shape_and_colour():
    """Laid over each other on grey, any two differ clearly in most of their pixels."""
    pictures = {noun: bitmap(noun, 2, False, 0, 0) for noun in NOUNS}
    for a, b in itertools.combinations(NOUNS, 2):
        covers = [pictures[noun][..., 3] > 0.5 for noun in (a, b)]
        on_grey = [pictures[noun][..., :3] + 128 * (1 - pictures[noun][..., 3:]) for noun in (a, b)]
        apart = np.abs(on_grey[0] - on_grey[1]).max(axis=-1)[covers[0] | covers[1]]
        assert (apart > 40).mean() > 0.6, (a, b, (apart > 40).mean())


def test_animals_face_where_they_go():
    rng = np.random.default_rng(6)
    for relations, left in (("LR", False), ("RL", True)):
        actor = draw_spec(make_prompt(relations), rng, kind="correct").actors[1]
        assert (actor.mirrored == left).all()


def test_the_same_seed_gives_the_same_clip():
    prompt = make_prompt("TL")

    def clip(seed):
        rng = np.random.default_rng(seed)
        return render_clip(draw_spec(prompt, rng), rng)

    (a, a_tracks), (b, b_tracks) = clip(3), clip(3)
    assert a.shape == (FRAMES, HEIGHT, WIDTH, 3)
    assert a.dtype == np.uint8
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a_tracks.subject, b_tracks.subject)
    assert (clip(4)[0] != a).any()
    assert (a_tracks.size, a_tracks.fps) == ((WIDTH, HEIGHT), 8.0)


def test_the_mix_is_what_it_says():
    assert sum(DISOBEDIENT.values()) == pytest.approx(1)
    assert set(DISOBEDIENT) | {Kind.CORRECT} == set(Kind)
    assert np.mean(list(OBEDIENT.values())) == pytest.approx(0.40)
    rng = np.random.default_rng(0)
    drawn = [draw_kind("TR", rng) for _ in range(4000)]
    assert drawn.count(Kind.CORRECT) / 4000 == pytest.approx(OBEDIENT["TR"], abs=0.03)
    assert drawn.count(Kind.PARTIAL) / 4000 == pytest.approx((1 - OBEDIENT["TR"]) * DISOBEDIENT[Kind.PARTIAL], abs=0.03)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": "horse"}, r"no 'horse'.*Known: ball, box"),
        ({"subject": "cta"}, r"did you mean 'cat'"),
        ({"subject": "chair"}, r"no subject 'chair'; subjects are: cat, dog"),
        ({"object": "dog"}, r"no object 'dog'; objects are: ball"),
        ({"relations": "LU"}, r"cannot show 'LU'; relation types are: LR, RL"),
        ({"relations": "LRT"}, r"cannot show 'LRT'"),
        ({"scene": "On the moon"}, r"no scene 'On the moon'.*Known: In a desert"),
    ],
)
def test_what_the_world_does_not_know(change, message):
    with pytest.raises(PromptError, match=message):
        draw_spec(make_prompt(**change), np.random.default_rng(0))


def test_scene_and_gait_are_drawn_where_the_prompt_has_none():
    rng = np.random.default_rng(0)
    specs = [draw_spec(make_prompt(scene="", verb="moves"), rng) for _ in range(60)]
    assert {spec.scene for spec in specs} == set(SCENES)


def test_counts_scale_to_the_clip():
    assert FrameCounts.for_frames(FRAMES).scored == 4
