"""The clips and pairs that annotators are asked about, and the order of each annotator."""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from dsrbench.analysis.certainty import decision_certainty
from dsrbench.analysis.raters import BINS
from dsrbench.errors import InputError
from dsrbench.store import Run, Sample, SampleKey
from dsrbench.types import HEADLINE_THRESHOLD, Status

T = TypeVar("T")

SCORE_BINS = (0.0, 0.3, 0.5, HEADLINE_THRESHOLD, 0.85)
"""Lower ends of the bins of scores; samples without a score are a bin of their own."""

GAP_BINS = (0.0, 0.1, 0.3, 0.6)
"""Lower ends of the bins of the difference of two scores."""

MAX_MEMBERS = 30
"""Maximum clips of one prompt that pairs are made of."""

MIN_DISTANCE = 20
"""Minimum number of other clips between a clip and its repeat, where there are twice as many clips."""

MAX_REPEATS = 0.5
"""Maximum share of clips that are asked again."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip that can be shown.

    Attributes:
        sample: Its sample.
        path: Path of its video.
    """

    sample: Sample
    path: Path

    @property
    def score(self) -> float:
        """The score, 0 where there is none: people see a clip that a detector does not."""
        return self.sample.score.dsr_score if self.sample.score.status is Status.SCORED else 0.0


@dataclasses.dataclass(frozen=True)
class Task:
    """A question of one annotator about a clip, or about a pair of clips.

    Attributes:
        id: Opaque name of the task, which says nothing of the clip.
        clips: The clip, or the two clips in the order in which they are shown.
    """

    id: str
    clips: tuple[Clip, ...]

    @property
    def key(self) -> frozenset[SampleKey]:
        """The clips that an answer is about, whichever is shown first."""
        return frozenset(clip.sample.id for clip in self.clips)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The clips and pairs that all annotators are asked about.

    Attributes:
        clips: Clips with questions of their own.
        pairs: Pairs of clips of one prompt.
        repeats: Share of the clips that are asked again later, in 0..`MAX_REPEATS`.
        seed: Random seed of all orders.
    """

    clips: Sequence[Clip]
    pairs: Sequence[tuple[Clip, Clip]]
    repeats: float = 0.0
    seed: int = 0

    def videos(self) -> dict[str, Path]:
        """Return the path of each video by its opaque id."""
        shown = itertools.chain(self.clips, *self.pairs)
        return {self.video_id(clip): clip.path for clip in shown}

    def video_id(self, clip: Clip) -> str:
        """Return the opaque id of the video of a clip."""
        return _opaque("video", self.seed, *clip.sample.id)

    def tasks(self, annotator: str) -> list[Task]:
        """Return the tasks of an annotator in an order of their own: clips with repeats, then pairs.

        Pairs come last because they show the prompt, which the clips do not.
        """
        rng = random.Random(f"order {self.seed} {annotator}")
        clips = rng.sample(list(self.clips), len(self.clips))
        order = [(clip,) for clip in _with_repeats(clips, self.repeats, rng)]
        pairs = [tuple(rng.sample(pair, 2)) for pair in rng.sample(list(self.pairs), len(self.pairs))]
        counts: Counter[tuple[SampleKey, ...]] = Counter()
        tasks = []
        for shown in (*order, *pairs):
            keys = tuple(clip.sample.id for clip in shown)
            tasks.append(Task(_opaque("task", self.seed, annotator, counts[keys], *keys), shown))
            counts[keys] += 1
        return tasks


def read_clips(runs: Sequence[Path | str]) -> list[Clip]:
    """Read the clips of runs that people can be asked about, sorted by model, prompt and seed.

    These are scored and invalid samples with a video, whose prompt makes one claim of relations.

    Raises:
        StoreError: A folder is no run, or its run has not finished.
        InputError: Two runs have different videos of one sample, or no clip can be asked about.
    """
    clips: dict[SampleKey, Clip] = {}
    for run in map(Run.open, runs):
        for sample in run.iter_samples():
            path = run.locate_video(sample) if _is_suitable(sample) else None
            if path is None:
                continue
            other = clips.setdefault(sample.id, Clip(sample, path))
            if other.sample.video_sha256 != sample.video_sha256:
                raise InputError(
                    f"{run.folder} and another run have different videos of {sample.id}: answers could not tell them "
                    f"apart; give the runs one after the other, with an --out of their own"
                )
    if not clips:
        raise InputError(
            "these runs have no clip to ask about: expected scored or invalid samples with their videos, and prompts "
            "of relations between one subject and one object"
        )
    return [clip for _, clip in sorted(clips.items())]


def make_plan(
    clips: Sequence[Clip], *, n_clips: int = 200, n_pairs: int = 100, repeats: float = 0.05, seed: int = 0
) -> Plan:
    """Select the clips and pairs from which most is learned about the scores.

    Clips are spread evenly over bins of score and certainty, then over types of prompts, then over prompts; pairs over
    bins of the difference of their scores, then over prompts.

    Args:
        clips: Clips to select from, sorted.
        n_clips: Maximum number of clips.
        n_pairs: Maximum number of pairs.
        repeats: Share of the clips that are asked again later, in 0..`MAX_REPEATS`.
        seed: Random seed of the selection and of all orders.

    Raises:
        InputError: A number is out of its range.
    """
    if n_clips < 0 or n_pairs < 0 or not 0 <= repeats <= MAX_REPEATS:
        raise InputError(
            f"expected counts of at least 0 and repeats in 0..{MAX_REPEATS}, got {n_clips}, {n_pairs} and {repeats}"
        )
    strata = [(_score_bin(clip), _certainty_bin(clip.sample)) for clip in clips]
    rows = [
        (stratum, clip.sample.prompt.type, clip.sample.prompt.id, clip)
        for stratum, clip in zip(strata, clips, strict=True)
    ]
    selected = _select(rows, n_clips, random.Random(f"clips {seed}"))
    rng = random.Random(f"pairs {seed}")
    candidates = [
        (bisect.bisect(GAP_BINS, abs(a.score - b.score)), a.sample.prompt.type, a.sample.prompt.id, (a, b))
        for a, b in _unlike_pairs(clips, rng)
    ]
    return Plan(selected, _select(candidates, n_pairs, rng), repeats, seed)


def _is_suitable(sample: Sample) -> bool:
    prompt = sample.prompt
    is_judged = sample.score.status is not Status.FAILED and bool(sample.video)
    return is_judged and bool(prompt.relations) and not prompt.further


def _score_bin(clip: Clip) -> int:
    return bisect.bisect(SCORE_BINS, clip.score) if clip.sample.score.status is Status.SCORED else 0


def _certainty_bin(sample: Sample) -> int:
    certainty = decision_certainty(sample)
    return -1 if certainty is None else bisect.bisect(BINS, certainty)


def _unlike_pairs(clips: Iterable[Clip], rng: random.Random) -> list[tuple[Clip, Clip]]:
    """Return the pairs of clips of one prompt whose scores differ."""
    by_prompt: defaultdict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        by_prompt[clip.sample.prompt.id, clip.sample.prompt.text].append(clip)
    pairs: list[tuple[Clip, Clip]] = []
    for members in by_prompt.values():
        few = rng.sample(members, min(len(members), MAX_MEMBERS))
        pairs += [(a, b) for a, b in itertools.combinations(few, 2) if a.score != b.score]
    return pairs


def _select(rows: Sequence[tuple[Hashable, str, str, T]], n: int, rng: random.Random) -> list[T]:
    """Select up to n values, evenly over strata, within each evenly over types, within each evenly over prompts."""
    cells: defaultdict[Hashable, defaultdict[str, list[tuple[int, T]]]] = defaultdict(lambda: defaultdict(list))
    seen: Counter[tuple[Hashable, str, str]] = Counter()
    for stratum, type_, prompt, value in rng.sample(list(rows), len(rows)):
        seen[stratum, type_, prompt] += 1
        cells[stratum][type_].append((seen[stratum, type_, prompt], value))
    queues = []
    for types in cells.values():
        by_type = [[value for _, value in sorted(values, key=lambda row: row[0])] for values in types.values()]
        queues.append(_take_turns(by_type))
    return _take_turns(queues)[:n]


def _take_turns(queues: Sequence[Sequence[T]]) -> list[T]:
    """Return the first of each queue, then the second of each, and so on.

    >>> _take_turns([["a", "b", "c"], ["d"], ["e", "f"]])
    ['a', 'd', 'e', 'b', 'f', 'c']
    """
    turns = itertools.zip_longest(*([(value,) for value in queue] for queue in queues), fillvalue=())
    return list(itertools.chain.from_iterable(itertools.chain.from_iterable(turns)))


def _with_repeats(clips: Sequence[Clip], share: float, rng: random.Random) -> list[Clip]:
    """Return the clips in their order, with some of them again, well after the first time."""
    distance = min(MIN_DISTANCE, len(clips) // 2)
    early = range(max(0, len(clips) - distance))
    repeated = rng.sample(early, min(len(early), round(share * len(clips))))
    places: list[tuple[float, Clip]] = list(enumerate(clips))
    places += [(rng.uniform(i + distance, len(clips)), clips[i]) for i in repeated]
    return [clip for _, clip in sorted(places, key=lambda place: place[0])]


def _opaque(*parts: Hashable) -> str:
    """Return a name from which nobody reads what it names."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20]
