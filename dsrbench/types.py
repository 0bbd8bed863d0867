"""The values that pass between the stages: small, frozen, and checked when they are made."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench.boxes import Floats as Floats
from dsrbench.boxes import check_boxes
from dsrbench.errors import BoxError, InputError, PromptError

PUBLISHED_FRAMES = 81
"""Frames a clip of the paper has; the published counts belong to this length (arXiv 2602.22745)."""

HEADLINE_THRESHOLD = 0.7
"""DSR-Score from which a video counts as correct in the headline figure (arXiv 2602.22745)."""

THRESHOLDS = tuple(i / 10 for i in range(10))
"""Thresholds that Accuracy@t is given at, as the authors' scripts print it."""

DEFAULT_WORDING = "default"
"""The name of a prompt's own words among its wordings."""


class Relation(enum.StrEnum):
    """Where the subject is, seen from the object; the value is the one-letter code of the paper and its scripts."""

    LEFT = "L"
    RIGHT = "R"
    TOP = "T"
    UNDER = "U"
    FRONT = "F"
    BEHIND = "B"

    @classmethod
    def _missing_(cls, value: object) -> Relation:
        codes = ", ".join(f"{r.value} ({r.name.lower()})" for r in cls)
        raise PromptError(f"{value!r} is no relation. Known codes: {codes}")

    @property
    def mirrored(self) -> Relation:
        """The same relation seen in a mirror: left and right swap, the others stay."""
        return {Relation.LEFT: Relation.RIGHT, Relation.RIGHT: Relation.LEFT}.get(self, self)

    @property
    def is_scored(self) -> bool:
        """Whether boxes alone decide it; front and behind need depth."""
        return self not in (Relation.FRONT, Relation.BEHIND)

    @classmethod
    def chain(cls, codes: str | Sequence[str | Relation]) -> tuple[Relation, ...]:
        """Read two or more relations from codes.

        Args:
            codes: `"LR"`, `["L", "R"]` or relations.

        Raises:
            PromptError: An unknown code, or fewer than two.

        >>> Relation.chain("LT")
        (<Relation.LEFT: 'L'>, <Relation.TOP: 'T'>)
        """
        try:
            chain = tuple(cls(code) for code in codes)
        except PromptError as error:
            raise PromptError(f"unknown relation in {codes!r}: {error}") from None
        if len(chain) < 2:
            raise PromptError(f"expected an initial and a final relation, such as 'LR'; got {codes!r}")
        return chain


@dataclasses.dataclass(frozen=True)
class Prompt:
    """A prompt: what a video was asked to show.

    Attributes:
        id: Name of the prompt, unique in its suite.
        text: The words given to the model.
        subject: The noun that moves.
        object: The noun that stays.
        relations: Two or more relations of subject to object, in time order.
        scene: The place, as in "In a sunlit office"; may be empty.
        split: `train`, `validation`, `test`, or empty.
        tags: Free labels, such as a difficulty.
    """

    id: str
    text: str
    subject: str
    object: str
    relations: tuple[Relation, ...]
    scene: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("id", "text", "subject", "object"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise PromptError(f"prompt {self.id!r}: {name} must be a non-empty text, got {value!r}")
        if self.subject.casefold() == self.object.casefold():
            raise PromptError(f"prompt {self.id!r}: subject and object are both {self.subject!r}; they must differ")
        object.__setattr__(self, "relations", Relation.chain(self.relations))

    @property
    def type(self) -> str:
        """The relation codes joined, initial first, such as `"LR"`."""
        return "".join(r.value for r in self.relations)

    @property
    def wording(self) -> str:
        """Which of several wordings this is; empty where the suite has one alone."""
        return next((tag.removeprefix("wording:") for tag in self.tags if tag.startswith("wording:")), "")

    @property
    def source_id(self) -> str:
        """The id without its wording: prompts that mean the same have the same one."""
        return self.id.removesuffix(f"~{self.wording}") if self.wording else self.id


@dataclasses.dataclass(frozen=True)
class FrameCounts:
    """Numbers of frames in the rules of the metric (dsrbench scales the published counts to a clip's length).

    Attributes:
        scored: Fewest frames with a score, and fewest valid frames of the anchor rule (published: 20).
        redundant: Most frames with surplus detections (published: 16).
        run: Fewest consecutive valid frames at the anchor (published: 4).
        window: Frames averaged at either end (published: 3).
        gap: Longest interior gap an association tracker may fill (ours, at 81 frames: 5).
    """

    scored: int = 20
    redundant: int = 16
    run: int = 4
    window: int = 3
    gap: int = 5

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), 0 if field.name in ("redundant", "gap") else 1
            if not isinstance(value, int) or value < least:
                raise InputError(f"frame count {field.name!r} must be a whole number >= {least}, got {value!r}")

    @classmethod
    def published(cls) -> FrameCounts:
        """Return the counts of the paper, whatever the length of the clip."""
        return cls()

    @classmethod
    def for_frames(cls, n_frames: int) -> FrameCounts:
        """Scale the published counts to a clip of `n_frames` frames (an extension; 81 gives the published ones).

        >>> FrameCounts.for_frames(81) == FrameCounts.published()
        True
        >>> FrameCounts.for_frames(16)
        FrameCounts(scored=4, redundant=3, run=2, window=1, gap=1)
        """
        base = cls()

        def scaled(count: int, least: int = 0) -> int:
            return max(least, math.floor(count * n_frames / PUBLISHED_FRAMES + 0.5))

        return cls(
            scored=scaled(base.scored, 4),
            redundant=scaled(base.redundant),
            run=scaled(base.run, 2),
            window=scaled(base.window, 1),
            gap=scaled(base.gap),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A decoded video.

    Attributes:
        frames: RGB, uint8 `[T, H, W, 3]`.
        fps: Frames a second.
        text: The prompt text that was used, where known.
        metadata: Anything else worth keeping with the file.
    """

    frames: NDArray[np.uint8]
    fps: float
    text: str = ""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[-1] != 3:
            raise InputError(f"clip frames must be uint8 [T, H, W, 3], got {self.frames.dtype} {self.frames.shape}")


@dataclasses.dataclass(frozen=True)
class NoClip:
    """The answer of a generator in place of a clip that it could not make; its other clips go on.

    Attributes:
        reason: Why, in one line.
    """

    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """The detections in one frame.

    Attributes:
        xyxy: Boxes in pixels, float64 `[N, 4]`, half-open (x1 is the last pixel + 1).
        score: Confidence in 0..1, float64 `[N]`.
        label: Index into the labels that were asked for, int64 `[N]`; -1 for a box that has none of them.
        looked: Whether the frame was looked at; False where a stride left it out, which says nothing of what is there.
    """

    xyxy: Floats
    score: Floats
    label: NDArray[np.int64]
    looked: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "xyxy", np.asarray(self.xyxy, np.float64).reshape(-1, 4))
        object.__setattr__(self, "score", np.asarray(self.score, np.float64).reshape(-1))
        object.__setattr__(self, "label", np.asarray(self.label, np.int64).reshape(-1))
        if not len(self.xyxy) == len(self.score) == len(self.label):
            raise BoxError(
                f"expected as many scores and labels as boxes, got {len(self.xyxy)} boxes, "
                f"{len(self.score)} scores, {len(self.label)} labels"
            )

    def __len__(self) -> int:
        return len(self.score)

    def names(self, labels: Sequence[str]) -> list[str]:
        """Return the label of each box as text, empty for a box that has none of those asked for.

        >>> Detections([[0, 0, 1, 1], [2, 0, 3, 1]], [0.5, 0.4], [1, -1]).names(["cat", "chair"])
        ['chair', '']
        """
        return [labels[index] if index >= 0 else "" for index in self.label.tolist()]

    @classmethod
    def none(cls) -> Detections:
        """Return a frame without detections."""
        return cls(np.empty((0, 4)), np.empty(0), np.empty(0, np.int64))

    @classmethod
    def left_out(cls) -> Detections:
        """Return a frame that was not looked at."""
        return dataclasses.replace(cls.none(), looked=False)


class FrameState(enum.IntEnum):
    """The origin of an entity's box in a frame."""

    ABSENT = 0
    DETECTED = 1
    PROPAGATED = 2
    FILLED = 3


@dataclasses.dataclass(frozen=True, eq=False)
class VideoTracks:
    """One box an entity and frame: what every tracker makes and the metric reads.

    Attributes:
        subject: Boxes of the subject in pixels, float64 `[T, 4]`; a row of NaN means absent.
        object: Boxes of the object, likewise.
        size: Frame width and height in pixels.
        fps: Frames a second; 0 where unknown.
        subject_state: `FrameState` a frame, uint8 `[T]`; by default detected where there is a box.
        object_state: The same for the object.
        mask_area: Pixels in each entity's mask, float64 `[T, 2]`, from trackers that have masks.
        provenance: Origin of the tracks: video sha256, detector, tracker, versions, options.
    """

    subject: Floats
    object: Floats
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    subject_state: NDArray[np.uint8] | None = None
    object_state: NDArray[np.uint8] | None = None
    mask_area: Floats | None = None
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("subject", "object"):
            boxes = check_boxes(getattr(self, name), name)
            object.__setattr__(self, name, boxes)
            state = getattr(self, f"{name}_state")
            if state is None:
                state = np.where(np.isnan(boxes[:, 0]), FrameState.ABSENT, FrameState.DETECTED)
            state = np.asarray(state, np.uint8)
            if state.shape != boxes.shape[:1]:
                raise BoxError(f"{name} states must be [{len(boxes)}], one a frame, got {list(state.shape)}")
            object.__setattr__(self, f"{name}_state", state)
        if len(self.subject) != len(self.object):
            raise BoxError(f"subject has {len(self.subject)} frames, object has {len(self.object)}; they must be equal")
        if self.mask_area is not None and np.shape(self.mask_area) != (len(self.subject), 2):
            raise BoxError(f"mask areas must be [{len(self.subject)}, 2], got {list(np.shape(self.mask_area))}")

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def n_filled(self) -> int:
        """Frames in which at least one entity's box was interpolated."""
        filled = (self.subject_state == FrameState.FILLED) | (self.object_state == FrameState.FILLED)
        return int(np.count_nonzero(filled))


class Status(enum.StrEnum):
    """The outcome of scoring a sample."""

    SCORED = "scored"
    INVALID = "invalid"
    FAILED = "failed"


class Diagnosis(enum.StrEnum):
    """Diagnosis of a scored video, in a word; the rules are in `dsrbench.metric.diagnosis`."""

    CORRECT = "correct"
    STATIC = "static"
    REVERSED = "reversed"
    WRONG_START = "wrong_start"
    WRONG_END = "wrong_end"
    PARTIAL = "partial"
    OTHER = "other"


@dataclasses.dataclass(frozen=True, eq=False)
class VideoScore:
    """The DSR-Score of one video, with its parts.

    Attributes:
        status: `scored`, `invalid` (no score can be given) or `failed` (no such video, unreadable, crashed).
        reason: Reason why there is no score; empty where there is one.
        dsr_score: In [0, 1]; NaN unless scored, never 0 or -100 in its place.
        r_init: Mean SSR score of the initial relation over the first window, in [-1, 1].
        g_init: Half of how far the initial relation's SSR score falls from first to last frame, in [-1, 1].
        r_fin: Mean SSR score of the final relation over the last window, in [-1, 1].
        g_fin: Half of how far the final relation's SSR score rises, in [-1, 1].
        ssr_initial: SSR scores of the initial relation, float64 `[T]`, NaN in frames that are not scored.
        ssr_final: SSR scores of the final relation, likewise.
        n_scored: Frames with a score.
        visited: For chains of three or more: whether each middle relation was reached, in order; else None.
        diagnosis: Diagnosis of the video; None unless scored.
    """

    status: Status
    reason: str = ""
    dsr_score: float = math.nan
    r_init: float = math.nan
    g_init: float = math.nan
    r_fin: float = math.nan
    g_fin: float = math.nan
    ssr_initial: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    ssr_final: Floats = dataclasses.field(default_factory=lambda: np.empty(0), repr=False)
    n_scored: int = 0
    visited: bool | None = None
    diagnosis: Diagnosis | None = None

    @classmethod
    def invalid(cls, reason: str, n_scored: int = 0) -> VideoScore:
        """Return a video that was read but cannot be scored."""
        return cls(Status.INVALID, reason, n_scored=n_scored)

    @classmethod
    def failed(cls, reason: str) -> VideoScore:
        """Return a video that could not be read, or whose processing crashed."""
        return cls(Status.FAILED, reason)

    def passes(self, threshold: float = HEADLINE_THRESHOLD) -> bool:
        """Tell whether the video counts as correct: scored, at or above `threshold`, and middle relations visited."""
        return self.status is Status.SCORED and self.dsr_score >= threshold and self.visited is not False
