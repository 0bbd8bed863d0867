"""Stage keys change with exactly what they depend on; backends that give too little are told apart from videos."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories.runs import FRAMES, Spec, true_tracks, write_video

from dsrbench.backends.registry import Backend, trackers
from dsrbench.backends.trackers.fill import fill_gaps
from dsrbench.errors import BackendError, PromptError, VideoError
from dsrbench.evaluation import Scorer
from dsrbench.evaluation.cache_keys import detection_key, score_key, track_key
from dsrbench.evaluation.frames import ahead
from dsrbench.evaluation.runtime import describe_runtime
from dsrbench.evaluation.scorer import explain_failure, score_sample
from dsrbench.store import Sample
from dsrbench.types import Detections, FrameCounts, FrameState, Prompt, Relation, VideoScore, VideoTracks
from dsrbench.video import probe

PROMPT = Prompt("p", "A cat moves.", "cat", "box", "LR")
SPEC = Spec("m", "p", "LR", "LR")


class Truth:
    """Sees the boxes that were rendered, `short` frames too few."""

    def __init__(self, short=0):
        self.tracks, self.short, self.next = true_tracks(SPEC), short, 0

    def start_video(self, name):
        self.name, self.next = name, 0

    def detect(self, frames, labels):
        assert frames.dtype == np.uint8
        found = []
        for t in range(self.next, self.next + len(frames) - self.short):
            boxes = np.stack([self.tracks.subject[t], self.tracks.object[t]])
            found.append(Detections(boxes, [0.9, 0.8], [0, 1]))
        self.next += len(frames)
        return found


class HalfTracker:
    """Gives the first half of the frames."""

    def associate(self, detections, *, prompt, size, fps):
        boxes = np.tile([0.0, 0, 1, 1], (len(detections) // 2, 1))
        return VideoTracks(fill_gaps(boxes, gap=0)[0], boxes, size, fps)


def backend(instance, name="toy", version="1", **options):
    return Backend(name, instance, version, options, {})


def make_scorer(detector=None, tracker=None, counts=None):
    return Scorer(detector or backend(Truth()), tracker or trackers.create("assignment"), counts)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    write_video(path, SPEC, true_tracks(SPEC))
    return path


def change_prompt(**fields):
    return lambda scorer, prompt, sha: (scorer, dataclasses.replace(prompt, **fields), sha)


def change_stages(**fields):
    return lambda scorer, prompt, sha: (dataclasses.replace(scorer, **fields), prompt, sha)


CHANGES = [
    # what changes, and which of the three keys - detect, track, score - change with it
    ("another video", lambda scorer, prompt, sha: (scorer, prompt, "b" * 64), "dts"),
    ("detector's options", change_stages(detector=backend(Truth(), threshold=0.3)), "dts"),
    ("detector's version", change_stages(detector=backend(Truth(), version="2")), "dts"),
    ("detector's name", change_stages(detector=backend(Truth(), name="other")), "dts"),
    (
        "detector's weights",
        change_stages(detector=dataclasses.replace(backend(Truth()), fingerprint={"weights": "9"})),
        "dts",
    ),
    ("the subject", change_prompt(subject="dog"), "dts"),
    ("the object", change_prompt(object="sofa"), "dts"),
    ("tracker's options", change_stages(tracker=trackers.create("assignment", {"gap": "2"})), "ts"),
    ("tracker", change_stages(tracker=trackers.create("bytetrack")), "ts"),
    ("the relations", change_prompt(relations=Relation.chain("RL")), "s"),
    ("the text", change_prompt(text="Some cat moves."), "s"),
    ("the counts", change_stages(counts=FrameCounts.published()), "s"),
    ("other counts", change_stages(counts=FrameCounts(scored=5)), "s"),
    ("the scene", change_prompt(scene="In a den"), ""),
    ("the id", change_prompt(id="q"), ""),
    ("the split", change_prompt(split="test", tags=("x",)), ""),
    ("an equal instance", change_stages(detector=backend(Truth())), ""),
    ("a second detector", change_stages(second=backend(Truth(), name="other")), "ts"),
]


def keys(scorer, prompt, sha):
    return {
        "d": detection_key(scorer, prompt, sha),
        "t": track_key(scorer, prompt, sha),
        "s": score_key(scorer, prompt, sha),
    }


@pytest.mark.parametrize(("change", "changed"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_keys_change_with_what_they_depend_on(change, changed):
    before = (make_scorer(), PROMPT, "a" * 64)
    old, new = keys(*before), keys(*change(*before))
    assert {name for name in old if old[name] != new[name]} == set(changed)
    assert len(set(new.values())) == 3


def test_scores_of_another_version_are_not_taken_for_ours(monkeypatch):
    before = keys(make_scorer(), PROMPT, "a")
    monkeypatch.setattr("dsrbench.evaluation.cache_keys.__version__", "99")
    after = keys(make_scorer(), PROMPT, "a")
    assert before["s"] != after["s"]
    assert before["d"] == after["d"]


def test_a_video_from_pixels_to_tracks(clip):
    detector = Truth()
    scorer = make_scorer(backend(detector, threshold=0.5))
    detections = scorer.detect(clip, "some/a.mp4", PROMPT)
    assert detector.name == "some/a.mp4"
    assert len(detections) == FRAMES
    tracks = scorer.track(detections, PROMPT, probe(clip), "5" * 64, clip)
    np.testing.assert_array_equal(tracks.subject, detector.tracks.subject)
    assert tracks.provenance["video_sha256"] == "5" * 64
    assert tracks.provenance["detector"]["options"] == {"threshold": 0.5}


def test_a_detector_that_leaves_frames_out(clip):
    with pytest.raises(BackendError, match="detector 'toy' must give one Detections a frame; got 15 for 16 frames"):
        make_scorer(backend(Truth(short=1))).detect(clip, "a.mp4", PROMPT)


def test_a_tracker_that_leaves_frames_out(clip):
    scorer = make_scorer(tracker=backend(HalfTracker(), name="half"))
    with pytest.raises(BackendError, match="tracker 'half' must give a box a frame; got 16 for 33 frames"):
        scorer.track(scorer.detect(clip, "a.mp4", PROMPT), PROMPT, probe(clip), "5" * 64, clip)


class Least:
    """A detector of another package with none of what a detector may offer; everything is in the middle."""

    __slots__ = ()

    def detect(self, frames, labels):
        return [Detections([[8, 8, 24, 24], [30, 8, 40, 24]], [0.9, 0.8], [0, 1]) for _ in frames]


def test_a_detector_that_offers_the_least(clip):
    scorer = Scorer(backend(Least()), backend(Loose(), name="loose"), stride=4)
    assert scorer.check_prompt(PROMPT) == {}
    found = scorer.detect(clip, "a.mp4", PROMPT)
    tracks = scorer.track(found, PROMPT, probe(clip), "5" * 64, clip)
    assert (len(found), len(tracks)) == (FRAMES, FRAMES)
    runtime = describe_runtime(scorer, None)
    assert (runtime.detector.device, runtime.tracker.device) == ("cpu", "cpu")


class Loose:
    """A tracker of another package: the box of each frame, as it is."""

    def associate(self, detections, *, prompt, size, fps):
        boxes = np.full((2, len(detections), 4), np.nan)
        for t, found in enumerate(detections):
            boxes[found.label, t] = found.xyxy
        return VideoTracks(boxes[0], boxes[1], size, fps)


def test_a_tracker_of_neither_kind():
    with pytest.raises(BackendError, match="tracker 'nothing' neither associates detections nor propagates boxes"):
        make_scorer(tracker=backend(object(), name="nothing"))


class Follows:
    """A propagating tracker that knows the truth from the anchor on, and keeps what it was given."""

    def propagate(self, clip, *, anchor, subject_box, object_box):
        self.given = (len(clip.frames), anchor, subject_box.tolist(), object_box.tolist())
        truth = true_tracks(SPEC)
        state = np.full(FRAMES, FrameState.PROPAGATED, np.uint8)
        return VideoTracks(truth.subject, truth.object, truth.size, clip.fps, state, state)


class Doubtful(Truth):
    """Sees the subject twice in the first frames, or nothing at all."""

    def __init__(self, *, twice=0, blind=False):
        super().__init__()
        self.twice, self.blind = twice, blind

    def detect(self, frames, labels):
        first = self.next
        found = super().detect(frames, labels)
        if self.blind:
            return [Detections.none() for _ in found]
        return [
            Detections([*d.xyxy, d.xyxy[0]], [*d.score, 0.5], [*d.label, 0]) if first + t < self.twice else d
            for t, d in enumerate(found)
        ]


def test_boxes_of_the_anchor_frame_are_propagated(clip):
    follows = Follows()
    scorer = make_scorer(backend(Doubtful(twice=5)), backend(follows, name="follows"))
    tracks = scorer.track(scorer.detect(clip, "a.mp4", PROMPT), PROMPT, probe(clip), "5" * 64, clip)
    truth = true_tracks(SPEC)
    assert follows.given == (FRAMES, 5, truth.subject[5].tolist(), truth.object[5].tolist())
    assert tracks.provenance["anchor"] == 5
    sample = score_sample(Sample("m", PROMPT, 0, VideoScore.failed("")), tracks, scorer.counts)
    assert sample.score.status.value == "scored"


@pytest.mark.parametrize("detector", [Doubtful(blind=True), Doubtful(twice=FRAMES)])
def test_a_video_without_an_anchor_frame_is_invalid(clip, detector):
    follows = Follows()
    scorer = make_scorer(backend(detector), backend(follows, name="follows"))
    tracks = scorer.track(scorer.detect(clip, "a.mp4", PROMPT), PROMPT, probe(clip), "5" * 64, clip)
    assert not hasattr(follows, "given")
    score = score_sample(Sample("m", PROMPT, 0, VideoScore.failed("")), tracks, scorer.counts).score
    assert (score.status.value, score.reason) == (
        "invalid",
        "no anchor frame: too few frames show exactly one subject and one object",
    )


def test_counts_decide_the_anchor_and_so_the_tracks_of_a_propagating_tracker():
    scaled, published = (
        make_scorer(tracker=backend(Follows(), name="follows"), counts=counts)
        for counts in (None, FrameCounts.published())
    )
    assert track_key(scaled, PROMPT, "a") != track_key(published, PROMPT, "a")
    scaled, published = make_scorer(), make_scorer(counts=FrameCounts.published())
    assert track_key(scaled, PROMPT, "a") == track_key(published, PROMPT, "a")


class Seen(Truth):
    """Tells which frames it was shown, by the subject's place in them."""

    def detect(self, frames, labels):
        self.shown = getattr(self, "shown", 0) + len(frames)
        places = [int(np.nonzero(frame[..., 0].astype(int) - frame[..., 1] > 30)[1].min()) for frame in frames]
        truth = self.tracks
        found = []
        for place in places:
            t = int(np.abs(truth.subject[:, 0] - place).argmin())
            found.append(Detections(np.stack([truth.subject[t], truth.object[t]]), [0.9, 0.8], [0, 1]))
        return found


def test_a_stride_looks_at_few_frames_and_at_all_near_the_ends(clip):
    seen = Seen()
    strided = Scorer(backend(seen), trackers.create("assignment"), stride=3, protocol="fast")
    found = strided.detect(clip, "a.mp4", PROMPT)
    looked = [t for t, d in enumerate(found) if len(d)]
    counts = FrameCounts.for_frames(FRAMES)
    assert counts.gap + 1 == 3
    assert set(range(0, FRAMES, 3)) <= set(looked)
    assert {*range(counts.window), *range(FRAMES - counts.window, FRAMES)} <= set(looked)
    assert seen.shown == len(looked) < FRAMES / 2 + 2
    tracks = strided.track(found, PROMPT, probe(clip), "5" * 64, clip)
    assert not np.isnan(tracks.subject).any()
    assert np.abs(tracks.subject - true_tracks(SPEC).subject).max() < 12
    every = make_scorer(backend(Seen()))
    assert detection_key(strided, PROMPT, "a") != detection_key(every, PROMPT, "a")


def test_a_stride_is_not_for_propagating_trackers():
    with pytest.raises(BackendError, match="needs all frames"):
        Scorer(backend(Truth()), backend(Follows(), name="follows"), stride=2)


LIBERTIES = [
    # a detector without the question, one that answers nothing, one that answers
    (None, {}),
    (lambda labels: None, {}),
    (lambda labels: {labels[0]: "any animal"}, {"cat": "any animal"}),
]


@pytest.mark.parametrize(("check", "expected"), LIBERTIES)
def test_what_a_detector_says_of_nouns(check, expected):
    detector = Truth()
    if check is not None:
        detector.check_labels = check
    assert make_scorer(backend(detector)).check_prompt(PROMPT) == expected


def test_nouns_a_detector_refuses_as_bad_input_cost_their_samples_not_the_run():
    class Refuses(Truth):
        def check_labels(self, labels):
            raise PromptError("no 'horse' in this world")

    with pytest.raises(BackendError, match="no 'horse' in this world"):
        make_scorer(backend(Refuses())).check_prompt(PROMPT)


def test_failures_in_words():
    assert explain_failure(VideoError("a.mp4: no video")) == "a.mp4: no video"
    assert explain_failure(BackendError("no boxes")) == "no boxes"
    assert explain_failure(ZeroDivisionError("by zero")) == "crashed: ZeroDivisionError: by zero"


def test_running_ahead_keeps_order_and_passes_errors_on():
    def items():
        yield from range(3)
        raise VideoError("the third is damaged")

    running = ahead(items())
    assert [next(running) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(VideoError, match="the third is damaged"):
        next(running)
    assert list(ahead([])) == []


def test_running_ahead_is_one_item_ahead_and_no_more():
    taken = []

    def items():
        for i in range(5):
            taken.append(i)
            yield i

    for item in ahead(items()):
        assert len(taken) <= item + 2
