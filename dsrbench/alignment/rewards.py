"""Rewards of clips, each compared with others of its prompt, and the number of candidates of a prompt in a round."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from dsrbench.dataset import Choice, read_rows
from dsrbench.store import LocalDisk, Sample
from dsrbench.types import Status

EQUAL = 1e-6
"""Standard deviation of scores below which the clips of a prompt are taken as equal."""

MIN_CANDIDATES = 2
"""Smallest number of candidates of a prompt: one alone has none to be compared with."""

MAX_GROWTH = 2
"""Largest factor by which a prompt's number of candidates grows in a round."""


@dataclasses.dataclass(frozen=True)
class RewardedClip:
    """A candidate with its reward.

    Attributes:
        prompt_id: Id of the prompt.
        text: Text that the model received.
        clip: The clip, with its score.
        reward: Reward in 0..1; 1/2 for a clip of the mean score of its prompt.
    """

    prompt_id: str
    text: str
    clip: Choice
    reward: float

    @property
    def clips(self) -> tuple[Choice, ...]:
        """The one clip."""
        return (self.clip,)


@dataclasses.dataclass(frozen=True)
class ClipReport:
    """Numbers of clips with rewards, and of prompts that are left out by reason.

    Attributes:
        n_clips: Number of clips.
        n_prompts: Number of their prompts.
        equal: Number of prompts whose scored clips all have the same score.
        unscored: Number of prompts without a scored clip.
    """

    n_clips: int
    n_prompts: int
    equal: int
    unscored: int

    def __str__(self) -> str:
        return (
            f"{self.n_clips} clips with rewards of {self.n_prompts} prompts; left out are {self.equal} prompts whose "
            f"clips all score the same, {self.unscored} without a scored clip"
        )


def normalise_rewards(scores: Sequence[float], *, min_spread: float = 0.0) -> list[float] | None:
    """Return rewards of the clips of a prompt: 1/2 + advantage / 4, held in 0..1; None where all score the same.

    The advantage is the difference of a score from the prompt's mean, divided by the standard deviation of the prompt's
    scores, or by `min_spread` where that is larger.

    >>> normalise_rewards([1.0, 0.0])
    [0.75, 0.25]
    >>> normalise_rewards([0.4, 0.4]) is None
    True
    """
    values = np.asarray(scores, np.float64)
    spread = values.std()
    if spread < EQUAL:
        return None
    advantages = (values - values.mean()) / max(spread, min_spread)
    rewards: list[float] = np.clip(0.5 + advantages / 4, 0, 1).tolist()
    return rewards


def make_clips(samples: Iterable[Sample], *, min_spread: float = 0.0) -> tuple[list[RewardedClip], ClipReport]:
    """Give the scored clips of every prompt rewards; a prompt whose clips all score the same is left out.

    Args:
        samples: Scored candidates.
        min_spread: Smallest standard deviation that advantages are divided by.

    Returns:
        Clips sorted by sample, and the numbers of prompts with and without clips.
    """
    clips: list[RewardedClip] = []
    prompts, equal, unscored = 0, 0, 0
    for group in _group(samples).values():
        scored = [sample for sample in group if sample.score.status is Status.SCORED]
        if not scored:
            unscored += 1
            continue
        rewards = normalise_rewards([sample.score.dsr_score for sample in scored], min_spread=min_spread)
        if rewards is None:
            equal += 1
            continue
        prompts += 1
        for sample, reward in zip(scored, rewards, strict=True):
            choice = Choice(sample.video, sample.video_sha256, sample.seed, sample.score.dsr_score)
            clips.append(RewardedClip(sample.prompt.id, sample.text_used or sample.prompt.text, choice, reward))
    return clips, ClipReport(len(clips), prompts, equal, unscored)


def write_clips(path: Path, clips: Sequence[RewardedClip]) -> None:
    """Write `clips.jsonl` completely or not at all."""
    lines = [json.dumps(dataclasses.asdict(clip), ensure_ascii=False) + "\n" for clip in clips]
    LocalDisk(path.parent).write_atomic(path.name, "".join(lines).encode())


def read_clips(path: Path) -> list[RewardedClip]:
    """Read `clips.jsonl`.

    Raises:
        InputError: The file cannot be read, or a line is no clip with a reward; the message names the line.
    """
    return read_rows(path, RewardedClip, one="clip with a reward", several="clips with rewards")


@dataclasses.dataclass(frozen=True)
class Budget:
    """Candidates of every prompt in a round.

    Attributes:
        counts: Number of candidates by prompt id.
        first_seed: First of a prompt's seeds, all of which are new.
        settled: Number of prompts whose last candidates all followed them, or none.
    """

    counts: Mapping[str, int]
    first_seed: int
    settled: int

    def __str__(self) -> str:
        numbers = sorted(self.counts.values())
        return (
            f"{self.settled} of {len(numbers)} prompts are settled: all of their last candidates passed, or none; "
            f"{sum(numbers)} new candidates, {numbers[0]} to {numbers[-1]} a prompt"
        )


def plan_budget(samples: Iterable[Sample], *, usual: int, settled_share: float) -> Budget:
    """Plan the next candidates of every prompt: fewer where all of the last ones passed or none did, more elsewhere.

    What settled prompts leave is divided among the others; what cannot be divided evenly goes to those of which nearest
    to a half have passed. All is determined by the samples.

    Args:
        samples: The last candidates of every prompt, scored.
        usual: Number of candidates of a prompt where nothing is moved.
        settled_share: Share of it that a settled prompt keeps, in 0..1; it keeps at least two.
    """
    groups = _group(samples)
    passed = {name: sum(s.score.passes() for s in group) / len(group) for name, group in groups.items()}
    mixed = sorted((abs(share - 0.5), name) for name, share in passed.items() if 0 < share < 1)
    settled = len(groups) - len(mixed)
    least = min(usual, max(MIN_CANDIDATES, round(settled_share * usual))) if mixed else usual
    each, rest = divmod(settled * (usual - least), len(mixed)) if mixed else (0, 0)
    counts = dict.fromkeys(groups, least)
    for place, (_, name) in enumerate(mixed):
        counts[name] = min(usual + each + (place < rest), MAX_GROWTH * usual)
    first = 1 + max((sample.seed for group in groups.values() for sample in group), default=-1)
    return Budget(counts, first, settled)


def _group(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Group samples by prompt, both sorted."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        groups[sample.prompt.id].append(sample)
    return groups
