"""`DSRReward`: the DSR-Score of the clips that a trainer has in memory, guarded against reward hacking."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from dsrbench.backends.protocols import Options
from dsrbench.backends.registry import Registry, depth_estimators, describe_options, detectors, trackers
from dsrbench.errors import BackendError, DSRBenchError, InputError, PromptError
from dsrbench.evaluation.defaults import SECOND_DETECTOR, choose_backends
from dsrbench.evaluation.frames import DecodedVideo
from dsrbench.evaluation.scorer import Scorer, score_video
from dsrbench.evaluation.tracing import trace_once
from dsrbench.evaluation.weights import fetch_weights, find_missing_weights
from dsrbench.prompts import parse_prompt
from dsrbench.rewards.guard import CHECKS, Guard, Look, measure_look, median_look
from dsrbench.rewards.videos import read_videos
from dsrbench.types import Prompt, Status, VideoScore, VideoTracks
from dsrbench.video import read_clip

logger = logging.getLogger("dsrbench")

FPS = 16.0
"""Frames a second of clips in memory, where nothing else is said; the score does not depend on it."""

UNVISITED = 0.5
"""Largest reward of a clip that does not visit the middle relations of a chain, and so does not pass."""


@dataclasses.dataclass(frozen=True, eq=False)
class RewardDetail:
    """The reward of a clip, and where it comes from.

    Attributes:
        value: The reward in 0..1; that of `unscored` where there is no score.
        prompt: The prompt; None where its text cannot be read.
        score: The DSR-Score with its parts, status, certainty and diagnosis; None where the text cannot be read.
        reason: Reason why there is no score; empty where there is one.
        failed: Checks of the guard that the clip fails.
        look: Sharpness and flicker; None where they are not measured.
        second: Score by the second detector; None where it did not look.
    """

    value: float | None
    prompt: Prompt | None = None
    score: VideoScore | None = None
    reason: str = ""
    failed: tuple[str, ...] = ()
    look: Look | None = None
    second: VideoScore | None = None


class DSRReward:
    """The DSR-Score of clips as a reward in 0..1.

    Scores are those of `dsrbench eval` on the same frames. A reward belongs to one process and one thread at a time.

    Args:
        detector: Name of a detector; by default that of the protocol, or one that needs no GPU.
        tracker: Name of a tracker.
        protocol: Name of a protocol, such as "spatialalign".
        depth: Name of a depth estimator, for prompts with "in front of" or "behind".
        second_detector: Name of a detector that looks in every n-th call (`Guard.second_every`).
        device: Device of all backends that have one, such as "cuda:1".
        options: Options of backends by kind, such as `{"detector": {"threshold": 0.2}}`.
        unscored: Reward of a clip whose prompt cannot be read, or that cannot be scored; None for trainers that leave
            such clips out.
        guard: Checks against reward hacking; `Guard.off()` for none.
        fps: Frames a second of clips in memory.
        layout: Order of the axes of a video, "TCHW", "CTHW" or "THWC"; by default it follows from the shape.
        offline: Whether to refuse to fetch weights that are missing.
        on_note: Called with lines that the user should see, such as weights that are fetched.

    Raises:
        DSRBenchError: A backend does not exist, has no such option, or cannot be used.
    """

    def __init__(
        self,
        detector: str | None = None,
        tracker: str | None = None,
        protocol: str | None = None,
        *,
        depth: str | None = None,
        second_detector: str | None = None,
        device: str | None = None,
        options: Options | None = None,
        unscored: float | None = 0.0,
        guard: Guard | None = None,
        fps: float = FPS,
        layout: str | None = None,
        offline: bool = False,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.unscored, self.guard = unscored, guard or Guard()
        self._fps, self._layout = fps, layout
        self._choose = _Chooser(protocol, detector, tracker, second_detector, depth, device, options or {})
        self._provide: Callable[[Any], None] = lambda requests: fetch_weights(
            find_missing_weights(requests), offline=offline, say=on_note
        )
        choice = self._choose(())
        self._provide(choice.backends)
        scorer = choice.make()
        self._second = scorer.of_second
        self._scorer: Scorer = dataclasses.replace(scorer, second=None)
        self._prompts: dict[str, Prompt | PromptError] = {}
        self._reference, self._looks = self.guard.reference, list[Look]()
        self._calls, self._figures = 0, dict[str, float]()

    @property
    def backends(self) -> dict[str, str | None]:
        """Names of detector, tracker, protocol and second detector."""
        scorer, second = self._scorer, self._second
        return {
            "detector": scorer.detector.name,
            "tracker": scorer.tracker.name,
            "protocol": scorer.protocol,
            "second_detector": second.detector.name if second is not None else None,
        }

    @property
    def reference(self) -> Look | None:
        """Look of the reference, to go on with after a restart: `Guard(reference=...)`; None until it is measured."""
        return self._reference

    @property
    def figures(self) -> Mapping[str, float]:
        """Figures of the last call, for the trainer's log.

        `reward/mean`, `reward/scored`, `reward/passing` and `reward/certainty`; `guard/CHECK` is the share of the
        scored clips that fail a check; `guard/agreement` the share of decisions that the second detector shares, in
        calls in which it looked.
        """
        return self._figures

    @overload
    def __call__(
        self, videos: Any, prompts: Sequence[str | Prompt], *, details: Literal[False] = ...
    ) -> list[float | None]: ...

    @overload
    def __call__(
        self, videos: Any, prompts: Sequence[str | Prompt], *, details: Literal[True]
    ) -> list[RewardDetail]: ...

    def __call__(
        self, videos: Any, prompts: Sequence[str | Prompt], *, details: bool = False
    ) -> list[float | None] | list[RewardDetail]:
        """Return the reward of each clip.

        Args:
            videos: A batch as a tensor or an array `[B, T, C, H, W]` or `[B, C, T, H, W]`, floats in 0..1 or uint8, on
                any device; or a sequence of tensors or arrays of four axes, of lists of PIL images, or of paths.
            prompts: A prompt of each clip: its text, or a `Prompt`.
            details: Whether to return a `RewardDetail` for each clip.

        Raises:
            InputError: Videos of another form, or fewer or more prompts than videos.
        """
        decoded = read_videos(videos, fps=self._fps, layout=self._layout)
        if isinstance(prompts, str) or len(decoded) != len(prompts):
            n = "one text" if isinstance(prompts, str) else len(prompts)
            raise InputError(f"expected a prompt for each of {len(decoded)} videos, got {n}")
        every = self.guard.second_every
        with_second = self._second is not None and every is not None and self._calls % every == 0
        self._calls += 1
        results = [
            self._reward(video, prompt, with_second=with_second) for video, prompt in zip(decoded, prompts, strict=True)
        ]
        self._figures = summarize_details(results)
        logger.debug("reward: %s", self._figures)
        return results if details else [result.value for result in results]

    def _reward(self, video: DecodedVideo | Path, given: str | Prompt, *, with_second: bool) -> RewardDetail:
        prompt = self._read(given)
        if isinstance(prompt, PromptError):
            return RewardDetail(self.unscored, reason=str(prompt))
        try:
            return self._reward_known(video, prompt, with_second=with_second)
        except DSRBenchError as error:
            logger.warning("reward: a clip has no score: %s", error)
            return RewardDetail(self.unscored, prompt, VideoScore.failed(str(error)), str(error))

    def _reward_known(self, video: DecodedVideo | Path, prompt: Prompt, *, with_second: bool) -> RewardDetail:
        self._scorer.check_prompt(prompt)
        name, source = _decode(video)
        tracks, score = self._score(self._scorer, source, prompt, name)
        if score.status is not Status.SCORED:
            return RewardDetail(self.unscored, prompt, score, score.reason)
        failed, look = self._check(source, tracks, score)
        second = None
        if with_second and self._second is not None and knows(self._second, prompt):
            _, second = self._score(self._second, source, prompt, name)
            if not agrees(score, second):
                failed.append("second")
        reached = score.dsr_score if score.visited is not False else min(score.dsr_score, UNVISITED)
        return RewardDetail(reached * self.guard.penalty ** len(failed), prompt, score, "", tuple(failed), look, second)

    def _score(self, scorer: Scorer, source: DecodedVideo, prompt: Prompt, name: str) -> tuple[VideoTracks, VideoScore]:
        if prompt.needs_depth and scorer.depth is None:
            scorer = dataclasses.replace(scorer, depth=self._make_depth(prompt))
        tracks = trace_once(scorer, prompt, source, name)
        return tracks, score_video(tracks, prompt, scorer.counts)

    def _make_depth(self, prompt: Prompt) -> Any:
        """Return the depth estimator, made when the first prompt needs it."""
        request = self._choose((prompt,)).depth
        assert request is not None
        self._provide([request])
        made = request.make()
        self._scorer = dataclasses.replace(self._scorer, depth=made)
        if self._second is not None:
            self._second = dataclasses.replace(self._second, depth=made)
        return made

    def _read(self, prompt: str | Prompt) -> Prompt | PromptError:
        if isinstance(prompt, Prompt):
            return prompt
        read = self._prompts.get(prompt) if isinstance(prompt, str) else None
        if read is None:
            try:
                read = parse_prompt(prompt)
            except PromptError as error:
                read = error
            if isinstance(prompt, str):
                self._prompts[prompt] = read
        return read

    def _check(self, source: DecodedVideo, tracks: VideoTracks, score: VideoScore) -> tuple[list[str], Look | None]:
        """Return the checks that a scored clip fails, and its look."""
        guard, failed = self.guard, []
        certainty = score.decision_certainty
        if guard.min_certainty is not None and certainty is not None and certainty < guard.min_certainty:
            failed.append("certainty")
        if not guard.looks:
            return failed, None
        look = measure_look(source.chunks(as_tensors=True), tracks)
        if self._reference is not None:
            return failed + guard.check_look(look, self._reference), look
        self._looks.append(look)
        if len(self._looks) == guard.reference_clips:
            self._reference = median_look(self._looks)
            logger.info("reward: the look of the first %d clips is the reference: %s", len(self._looks), self.reference)
        return failed, look


def _decode(video: DecodedVideo | Path) -> tuple[str, DecodedVideo]:
    """Return the name of a file, empty for a video in memory, and the video; a file is decoded once for all stages."""
    if isinstance(video, DecodedVideo):
        return "", video
    clip = read_clip(video)
    return video.name, DecodedVideo(clip.frames, clip.fps)


def knows(scorer: Scorer, prompt: Prompt) -> bool:
    """Tell whether a scorer's detector knows the nouns of a prompt."""
    try:
        scorer.check_prompt(prompt)
    except BackendError:
        return False
    return True


def agrees(first: VideoScore, second: VideoScore) -> bool:
    """Tell whether two scores decide alike at the headline threshold; a clip without a score does not pass."""
    return first.passes() == second.passes()


def summarize_details(details: Sequence[RewardDetail]) -> dict[str, float]:
    """Return figures of rewards; NaN where there is nothing to average."""
    scored = [one for one in details if one.score is not None and not one.reason]
    certainties = [one.score.decision_certainty for one in scored if one.score is not None]
    seconds = [one for one in scored if one.second is not None]
    figures = {
        "reward/mean": _mean([one.value for one in details if one.value is not None]),
        "reward/scored": _mean([one in scored for one in details]),
        "reward/passing": _mean([one.score is not None and one.score.passes() for one in details]),
        "reward/certainty": _mean([certainty for certainty in certainties if certainty is not None]),
    }
    figures |= {f"guard/{check}": _mean([check in one.failed for one in scored]) for check in CHECKS}
    figures["guard/agreement"] = _mean(["second" not in one.failed for one in seconds])
    return figures


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@dataclasses.dataclass(frozen=True)
class _Chooser:
    """The backends that the user named, chosen again for the prompts at hand."""

    protocol: str | None
    detector: str | None
    tracker: str | None
    second: str | None
    depth: str | None
    device: str | None
    options: Options

    def __call__(self, prompts: Sequence[Prompt]) -> Any:
        first = self._choose(prompts, self.options)
        if self.device is None:
            return first
        kinds: list[tuple[str, Registry[Any], str]] = [
            ("detector", detectors, first.detector.name),
            ("tracker", trackers, first.tracker.name),
        ]
        if first.second is not None:
            kinds.append((SECOND_DETECTOR, detectors, first.second.name))
        if first.depth is not None:
            kinds.append(("depth", depth_estimators, first.depth.name))
        placed = {kind: dict(options) for kind, options in self.options.items()}
        for kind, registry, name in kinds:
            if "device" in describe_options(registry.load(name)):
                placed.setdefault(kind, {}).setdefault("device", self.device)
        return self._choose(prompts, placed)

    def _choose(self, prompts: Sequence[Prompt], options: Options) -> Any:
        return choose_backends(
            self.protocol,
            detector=self.detector,
            tracker=self.tracker,
            second_detector=self.second,
            depth=self.depth,
            prompts=prompts,
            options=options,
        )
