"""Rewards of clips in memory: the numbers of `eval`, the guard, what cannot be scored, and bad input."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from factories.rendered import OBEYS, STAYS, render_pair

import dsrbench
from dsrbench.errors import BackendError, DSRBenchError, InputError, OptionError
from dsrbench.rewards import DSRReward, Guard, Look, RewardDetail, measure_look
from dsrbench.rewards.guard import median_look
from dsrbench.rewards.reward import summarize_details
from dsrbench.types import Certainty, Status, VideoScore, VideoTracks
from dsrbench.video import read_clip, write_mp4

CLIPS, PROMPTS, FPS = render_pair()
UNREAD = "a beautiful sunset"
UNKNOWN = "a zebra is on the left of a box, then the zebra walks to the right of the box"


def make(**options):
    return DSRReward("sprites-template", **{"guard": Guard.off(), **options})


def add_noise(clips):
    noise = np.random.default_rng(0).integers(-40, 41, clips[0].shape)
    return [np.clip(clip + noise, 0, 255).astype(np.uint8) for clip in clips]


def test_a_clip_that_obeys_is_worth_more():
    obeys, stays = make()(CLIPS, PROMPTS)
    assert 0.7 <= obeys <= 1
    assert 0 <= stays < 0.7


def test_the_numbers_of_eval(tmp_path):
    """The same frames, decoded from the same files."""
    rows = ["video,prompt_id"]
    paths = []
    for i, frames in enumerate(CLIPS):
        paths.append(tmp_path / f"{i}.mp4")
        write_mp4(paths[-1], frames, fps=FPS)
        rows.append(f"{i}.mp4,p{i}")
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    suite = tmp_path / "suite.jsonl"
    suite.write_text("".join(f'{{"id": "p{i}", "text": "{text}"}}\n' for i, text in enumerate(PROMPTS)))
    result = dsrbench.evaluate(
        videos=tmp_path / "list.csv", suite=suite, detector="sprites-template", out=tmp_path / "run"
    )
    evaluated = [sample.score for sample in sorted(result.samples, key=lambda sample: sample.prompt.id)]
    for videos in (paths, [read_clip(path).frames for path in paths]):
        details = make()(videos, PROMPTS, details=True)
        assert [one.value for one in details] == [score.dsr_score for score in evaluated]
        assert [one.score.certainty for one in details] == [score.certainty for score in evaluated]
        assert [one.score.diagnosis for one in details] == [score.diagnosis for score in evaluated]
    differences = np.abs(np.array(make()(CLIPS, PROMPTS)) - [score.dsr_score for score in evaluated])
    assert differences.max() < 0.1, "what an encoder changes"


def test_details_and_figures():
    reward = make()
    details = reward([*CLIPS, CLIPS[0]], [*PROMPTS, UNREAD], details=True)
    assert [one.prompt.subject if one.prompt else None for one in details] == ["cat", "frog", None]
    first = details[0].score
    assert (first.r_init + first.g_init + first.r_fin + first.g_fin) / 8 + 0.5 == pytest.approx(first.dsr_score)
    assert "cannot read the claim" in details[2].reason
    figures = reward.figures
    assert figures["reward/scored"] == pytest.approx(2 / 3)
    assert figures["reward/passing"] == pytest.approx(1 / 3)
    assert figures["reward/mean"] == pytest.approx(sum(one.value for one in details) / 3)
    assert 0.5 < figures["reward/certainty"] <= 1
    assert math.isnan(figures["guard/agreement"])


@pytest.mark.parametrize("unscored", [0.0, 0.25, None])
def test_what_has_no_score(unscored, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    videos = [CLIPS[0], CLIPS[0], np.zeros_like(CLIPS[0]), tmp_path / "broken.mp4", tmp_path / "absent.mp4"]
    prompts = [UNREAD, UNKNOWN, OBEYS, OBEYS, OBEYS]
    details = make(unscored=unscored)(videos, prompts, details=True)
    assert [one.value for one in details] == [unscored] * 5
    assert [one.score and one.score.status for one in details[1:]] == [
        Status.FAILED,
        Status.INVALID,
        Status.FAILED,
        Status.FAILED,
    ]
    for one in details:
        assert one.reason
        assert "\n" not in one.reason


@pytest.mark.parametrize("prompt", [None, 5, ["a"], {}, ""])
def test_a_prompt_that_is_no_text_has_no_score(prompt):
    (detail,) = make()(CLIPS[:1], [prompt], details=True)
    assert (detail.value, detail.score) == (0.0, None)
    assert detail.reason.startswith("expected the text of a prompt")


def test_prompts_may_be_prompts():
    prompts = [dsrbench.parse_prompt(text) for text in PROMPTS]
    assert make()(CLIPS, prompts) == make()(CLIPS, PROMPTS)


def test_prompts_with_depth_get_an_estimator():
    text = "a cat is in front of a box, then the cat walks to the left of the box"
    reward = make(depth="ground-contact")
    (detail,) = reward(CLIPS[:1], [text], details=True)
    assert detail.score.status in (Status.SCORED, Status.INVALID)
    assert "depth" not in detail.reason, detail.reason
    assert reward(CLIPS, PROMPTS) == make()(CLIPS, PROMPTS)


def test_the_reference_is_measured_on_the_first_clips():
    reward = make(guard=Guard(reference_clips=2, min_certainty=None))
    assert reward.reference is None
    first = reward(CLIPS, PROMPTS, details=True)
    assert reward.reference == median_look([one.look for one in first])
    assert [one.failed for one in first] == [(), ()]
    noisy = add_noise(CLIPS)
    plain, spoilt = make()(noisy, PROMPTS), reward(noisy, PROMPTS, details=True)
    for bare, one in zip(plain, spoilt, strict=True):
        assert {"sharpness", "flicker"} == set(one.failed)
        assert one.value == pytest.approx(0.25 * bare)
    assert reward.figures["guard/flicker"] == 1
    again = make(guard=Guard(reference=reward.reference, min_certainty=None))
    assert again(noisy, PROMPTS) == [one.value for one in spoilt], "a restart goes on with the same reference"


def test_each_check_can_be_turned_off():
    reference = Look(sharpness=1e-6, flicker=1e-6)
    for name in ("max_sharpness", "max_flicker"):
        guard = Guard(reference=reference, min_certainty=None, **{name: None})
        failed = make(guard=guard)(add_noise(CLIPS[:1]), PROMPTS[:1], details=True)[0].failed
        assert failed == ({"max_sharpness": ("flicker",), "max_flicker": ("sharpness",)}[name])
    assert make(guard=Guard.off())(CLIPS[:1], PROMPTS[:1], details=True)[0].look is None


def test_a_decision_that_is_not_certain_is_worth_less():
    guard = Guard(min_certainty=1.0, max_sharpness=None, max_flicker=None)
    detail = make(guard=guard)(CLIPS[1:], PROMPTS[1:], details=True)[0]
    certainty = detail.score.certainty
    doubted = certainty.of_decision(detail.score.passes()) < 1
    assert detail.failed == (("certainty",) if doubted else ())
    assert detail.value == pytest.approx(detail.score.dsr_score * (0.5 if doubted else 1))


def test_a_second_detector_looks_now_and_then():
    guard = Guard(second_every=2, min_certainty=None, max_sharpness=None, max_flicker=None)
    options = {"second_detector": {"threshold": "0.99"}}  # sees nothing
    reward = make(guard=guard, second_detector="sprites-template", options=options)
    plain = make()(CLIPS, PROMPTS)
    looked = reward(CLIPS, PROMPTS, details=True)
    assert [one.second is not None for one in looked] == [True, True]
    assert [one.failed for one in looked] == [("second",), ()], "neither thinks that the second clip passes"
    assert looked[0].value == pytest.approx(0.5 * plain[0])
    assert reward.figures["guard/agreement"] == 0.5
    assert [one.second for one in reward(CLIPS, PROMPTS, details=True)] == [None, None]


def test_a_second_detector_that_fails_costs_its_clip_alone(monkeypatch, caplog):
    guard = Guard(second_every=1, min_certainty=None, max_sharpness=None, max_flicker=None)
    reward = make(guard=guard, second_detector="sprites-template", options={"second_detector": {"threshold": "0.6"}})

    def fail(*_):
        raise BackendError("out of memory")

    monkeypatch.setattr(reward._second.detector.instance, "detect", fail)
    details = reward([CLIPS[0], np.zeros_like(CLIPS[0])], [OBEYS, OBEYS], details=True)
    assert [one.score.status for one in details] == [Status.FAILED, Status.INVALID]
    assert details[0].reason == "out of memory"
    assert "reward: a clip has no score: out of memory" in caplog.text


def test_figures_of_nothing():
    assert all(math.isnan(value) for value in summarize_details([]).values())
    unscored = RewardDetail(None, reason="none")
    assert summarize_details([unscored])["reward/scored"] == 0


BAD = [
    (dict(videos=CLIPS, prompts=PROMPTS[:1]), "expected a prompt for each of 2 videos, got 1"),
    (dict(videos=CLIPS, prompts=OBEYS), "expected a prompt for each of 2 videos, got one text"),
    (dict(videos=CLIPS[0], prompts=PROMPTS), "expected a batch of videos with 5 axes"),
    (
        dict(videos=["a.mp4", 5], prompts=PROMPTS),
        "video 1: expected a tensor, an array, a list of PIL images or a path",
    ),
    (dict(videos="a.mp4", prompts=PROMPTS), "expected a list of videos, got one path"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_a_call_of_another_form_is_refused(call, message):
    with pytest.raises(InputError, match=message) as caught:
        make()(**call)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"detector": "sprite-template"}, "no detector named 'sprite-template'"),
        ({"protocol": "spatialign"}, "did you mean 'spatialalign'"),
        ({"detector": "sprites-template", "options": {"detector": {"nms": 1}}}, "no option 'nms'"),
        ({"detector": "sprites-template", "layout": "HWCT"}, "layout must be one of"),
    ],
)
def test_backends_that_do_not_exist_are_refused(options, error):
    with pytest.raises(DSRBenchError, match=error):
        DSRReward(**options)(CLIPS, PROMPTS)


def test_a_device_goes_to_the_backends_that_have_one():
    with pytest.raises(OptionError, match="device"):
        DSRReward("nanodet", device="cuda:7", tracker="assignment", options={"detector": {"device": "no-device"}})
    assert make(device="cuda:7")(CLIPS, PROMPTS) == make()(CLIPS, PROMPTS), "none of these has a device"


@pytest.mark.parametrize(
    "options",
    [{"min_certainty": 1.5}, {"penalty": -0.1}, {"max_flicker": 0.5}, {"max_sharpness": math.nan}, {"second_every": 0}],
)
def test_thresholds_out_of_range(options):
    with pytest.raises(InputError, match="must be"):
        Guard(**options)


def test_thresholds_from_texts():
    texts = ["min_certainty=none", "max_sharpness=3", "second_every=4", "reference_clips=8", "penalty=0.25"]
    expected = Guard(min_certainty=None, max_sharpness=3.0, second_every=4, reference_clips=8, penalty=0.25)
    assert Guard.read(texts) == expected
    assert Guard.read([]) == Guard()


@pytest.mark.parametrize("n_frames", [1, 2, 3, 5, 81])
def test_the_look_of_clips_of_any_length(n_frames):
    frames = np.random.default_rng(0).integers(0, 255, (n_frames, 24, 32, 3), np.uint8)
    nowhere = np.full((n_frames, 4), np.nan)
    look = measure_look(iter([frames[:4], frames[4:]]), VideoTracks(nowhere, nowhere, (32, 24), 8.0))
    assert look.sharpness > 0
    assert math.isnan(look.flicker) == (n_frames < 3)
    assert Guard().check_look(look, look) == []


def test_a_subject_that_moves_is_no_flicker():
    moves, stays = (one.look.flicker for one in make(guard=Guard())(CLIPS, PROMPTS, details=True))
    assert max(moves, stays) < 1e-3


def test_boxes_that_cover_all_leave_no_flicker():
    whole = np.tile([0.0, 0, 32, 24], (5, 1))
    look = measure_look([np.zeros((5, 24, 32, 3), np.uint8)], VideoTracks(whole, whole, (32, 24), 8.0))
    assert math.isnan(look.flicker)
    assert Guard().check_look(look, Look(0.0, 0.1)) == []


def test_a_chain_that_skips_its_middle_is_worth_less(monkeypatch):
    score = VideoScore(Status.SCORED, dsr_score=0.9, visited=False, certainty=Certainty(0.0, 0.8, 1.0))
    monkeypatch.setattr("dsrbench.rewards.reward.score_video", lambda *_: score)
    (value,) = make()(CLIPS[:1], [OBEYS])
    assert value == 0.5
    monkeypatch.setattr("dsrbench.rewards.reward.score_video", lambda *_: dataclasses.replace(score, visited=True))
    assert make()(CLIPS[:1], [STAYS]) == [0.9]
