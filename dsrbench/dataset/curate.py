"""Choose the samples that become rows by validity, near duplicates, caps and balance; count the others by reason."""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from dsrbench.dataset.likeness import BITS, differing_bits
from dsrbench.errors import OptionError
from dsrbench.types import HEADLINE_THRESHOLD, Prompt, Status

SPLITS = ("train", "validation", "test")
"""Names of the splits."""

WINNER, LOSER = "winner", "loser"
"""Labels of rows with a score."""

REASONS = {
    "failed": "there is no video, or it could not be scored",
    "invalid": "the score is invalid: too few frames show both",
    "missing": "the video was not there, or not the one that was scored",
    "copy": "another row has the same file",
    "near_duplicate": "another row of the same prompt and label looks the same",
    "cap": "the prompt has more rows than the cap",
    "balance": "the type of relations has more rows than its share",
}
"""Reasons why a sample is no row, in the order in which the rules are applied."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """Rules that choose the rows of a dataset.

    Attributes:
        threshold: Lowest score of a winner, in 0..1.
        keep_invalid: Keep videos whose score is invalid, without a label.
        near_duplicates: Maximum number of differing bits, of 64 per frame, of two near duplicates; below 0 to keep all
            videos.
        per_prompt: Maximum number of rows of a prompt, half winners and half losers if possible; 0 for no limit.
        balance: Maximum number of rows of a relation type, in times the median type of its split; 0 for no limit.
        validation: Share of the prompts without a split of the suite that go to validation, in 0..1.
        test: Share of the prompts without a split of the suite that go to test, in 0..1.
        seed: Random seed of all draws.

    Raises:
        OptionError: A value is out of range.
    """

    threshold: float = HEADLINE_THRESHOLD
    keep_invalid: bool = False
    near_duplicates: float = 4.0
    per_prompt: int = 16
    balance: float = 2.0
    validation: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise OptionError(f"threshold must lie in 0..1, got {self.threshold}")
        if not self.near_duplicates <= BITS:
            raise OptionError(f"near_duplicates must be at most {BITS} bits, got {self.near_duplicates}")
        if self.per_prompt < 0:
            raise OptionError(f"per_prompt must be at least 1, or 0 for all, got {self.per_prompt}")
        if self.balance != 0 and not self.balance >= 1:
            raise OptionError(f"balance must be at least 1, or 0 for none, got {self.balance}")
        if min(self.validation, self.test) < 0 or not self.validation + self.test < 1:
            raise OptionError(
                f"validation and test must be shares that leave some for train, got {self.validation} and {self.test}"
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """Facts of a sample that may become a row.

    Attributes:
        run: Index of its run.
        row: Index of its row in the run's table.
        prompt_id: Id of the prompt.
        type: Relation codes of the prompt, joined.
        status: Status of its score.
        score: DSR-Score, NaN unless scored.
        diagnosis: Diagnosis in one word; empty if there is none.
        label: `winner`, `loser`, or empty without a score.
        video: File name in the run.
        size: Size of the video, bytes.
        sha256: Hash of the video, 64 hexadecimal digits.
        likeness: Perceptual hash of the video; empty if near duplicates are kept.
        shape: Number of frames, width and height in pixels, frames per second.
    """

    run: int
    row: int
    prompt_id: str
    type: str
    status: Status
    score: float
    diagnosis: str
    label: str
    video: str
    size: int
    sha256: str
    likeness: bytes
    shape: tuple[int, int, int, float]


def assign_splits(prompts: Iterable[Prompt], rules: Rules) -> dict[str, str]:
    """Assign every prompt the suite's own split or a drawn one, keeping subject, object and scene together.

    Returns:
        Prompt id to `train`, `validation` or `test`.

    Raises:
        OptionError: The suite has a split of another name.

    >>> prompt = Prompt("a", "text", "cat", "box", "LR", split="test")
    >>> assign_splits([prompt], Rules())
    {'a': 'test'}
    """
    splits: dict[str, str] = {}
    drawn: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for prompt in sorted(prompts, key=lambda prompt: prompt.id):
        if prompt.split:
            if prompt.split not in SPLITS:
                raise OptionError(f"prompt {prompt.id!r} is of split {prompt.split!r}; known: {', '.join(SPLITS)}")
            splits[prompt.id] = prompt.split
        else:
            drawn[prompt.subject, prompt.object, prompt.scene].append(prompt.id)
    groups = sorted(drawn)
    n_validation, n_test = (round(share * len(groups)) for share in (rules.validation, rules.test))
    for place, number in enumerate(np.random.default_rng(rules.seed).permutation(len(groups)).tolist()):
        split = "test" if place < n_test else "validation" if place < n_test + n_validation else "train"
        splits.update(dict.fromkeys(drawn[groups[number]], split))
    return splits


def curate(
    candidates: Sequence[Candidate], splits: dict[str, str], rules: Rules
) -> tuple[list[Candidate], Counter[str]]:
    """Apply the rules about duplicates, caps and balance; candidates in equal order give equal rows.

    Args:
        candidates: Samples with a video, in the order of runs and tables.
        splits: Split of every prompt, by id.
        rules: Rules that choose the rows.

    Returns:
        The remaining candidates in the same order, and the number dropped by each of `REASONS`.
    """
    dropped: Counter[str] = Counter()

    def keep(some: Sequence[Candidate], reason: str) -> list[Candidate]:
        dropped[reason] += len(rows) - len(some)
        return list(some)

    rows = list(candidates)
    rows = keep(_first_of_each(rows), "copy")
    rows = keep(_unlike(rows, rules.near_duplicates), "near_duplicate")
    rows = keep(_capped(rows, rules), "cap")
    rows = keep(_balanced(rows, splits, rules), "balance")
    return rows, +dropped


def _first_of_each(candidates: Iterable[Candidate]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(candidate.sha256, candidate)
    return list(first.values())


def _unlike(candidates: Sequence[Candidate], max_bits: float) -> list[Candidate]:
    """Return the candidates that differ from all earlier ones of the same prompt and label."""
    if max_bits < 0:
        return list(candidates)
    seen: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    distinct = []
    for candidate in candidates:
        group = seen[candidate.prompt_id, candidate.label]
        if all(differing_bits(candidate.likeness, other) > max_bits for other in group):
            group.append(candidate.likeness)
            distinct.append(candidate)
    return distinct


def _capped(candidates: Sequence[Candidate], rules: Rules) -> list[Candidate]:
    """Limit the rows of a prompt, drawn from winners, losers and the rest in turn until each is used up."""
    if not rules.per_prompt:
        return list(candidates)
    by_prompt: dict[str, list[int]] = defaultdict(list)
    for number, candidate in enumerate(candidates):
        by_prompt[candidate.prompt_id].append(number)
    chosen: set[int] = set()
    for place, numbers in enumerate(by_prompt.values()):
        rng = np.random.default_rng([rules.seed, place])
        order = [numbers[i] for i in rng.permutation(len(numbers)).tolist()]
        turns: dict[str, int] = defaultdict(int)
        ranked = []
        for number in order:
            label = candidates[number].label
            ranked.append((not label, turns[label], number))
            turns[label] += 1
        chosen.update(number for *_, number in sorted(ranked)[: rules.per_prompt])
    return [candidate for number, candidate in enumerate(candidates) if number in chosen]


def _balanced(candidates: Sequence[Candidate], splits: dict[str, str], rules: Rules) -> list[Candidate]:
    """Limit each type to `balance` times the median type of its split; prompts lose rows in turn."""
    if not rules.balance:
        return list(candidates)
    groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, candidate in enumerate(candidates):
        groups[splits[candidate.prompt_id]][candidate.type].append(number)
    chosen: set[int] = set()
    for split in groups.values():
        most = int(rules.balance * statistics.median(map(len, split.values())))
        for place, numbers in enumerate(split.values()):
            rng = np.random.default_rng([rules.seed, place, len(numbers)])
            turns: dict[str, int] = defaultdict(int)
            ranked: list[tuple[int, int, int]] = []
            for number in (numbers[i] for i in rng.permutation(len(numbers)).tolist()):
                prompt = candidates[number].prompt_id
                ranked.append((turns[prompt], len(ranked), number))
                turns[prompt] += 1
            chosen.update(number for *_, number in sorted(ranked)[: max(most, 1)])
    return [candidate for number, candidate in enumerate(candidates) if number in chosen]
