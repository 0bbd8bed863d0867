"""Answers of a judge, which is a vision-language model, about the clips of a run.

A run has a file of JSON lines for each judge in `judgments/`, one line a sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dsrbench.errors import InputError
from dsrbench.lines import iter_objects, located
from dsrbench.records import from_json, to_json
from dsrbench.store import Run, SampleKey
from dsrbench.store.journal import take_whole

FOLDER = "judgments"
"""Folder of the files in a run."""

JUDGE_THRESHOLD = 0.5
"""Judge score from which a clip counts as following its prompt: each right answer is likelier than not."""


@dataclasses.dataclass(frozen=True)
class ClaimAnswers:
    """Answers about one claim, as probabilities.

    Attributes:
        yes: Probability of "yes" by question: `start` and `end` of relations, `motion` of a motion.
        choice: Probability of each of four descriptions, by their type; the first is what the prompt claims.
    """

    yes: Mapping[str, float]
    choice: Mapping[str, float]

    @property
    def chosen(self) -> float:
        """Probability of the description that the prompt claims."""
        return next(iter(self.choice.values()))

    @property
    def score(self) -> float:
        """The least of the probabilities of "yes" and that of the right choice."""
        return min(*self.yes.values(), self.chosen)


@dataclasses.dataclass(frozen=True)
class Judgment:
    """The answers of a judge about one clip.

    Attributes:
        judge: Name of the judge, which has all that decides its answers.
        model: Model of the sample.
        prompt_id: Prompt of the sample.
        seed: Seed of the sample.
        video_sha256: Hash of the video that was shown.
        claims: Answers about each claim of the prompt.
        mass: Probability that the model gives to the answers it may give, averaged over questions, in 0..1; the answers
            are renormalised by it, and mean little where it is small.
    """

    judge: str
    model: str
    prompt_id: str
    seed: int
    video_sha256: str
    claims: tuple[ClaimAnswers, ...]
    mass: float

    @property
    def sample(self) -> SampleKey:
        """The sample."""
        return SampleKey(self.model, self.prompt_id, self.seed)

    @property
    def score(self) -> float:
        """The judge score, in 0..1: the least probability of any answer that the prompt needs."""
        return min(claim.score for claim in self.claims)

    def passes(self) -> bool:
        """Tell whether the clip follows its prompt."""
        return self.score >= JUDGE_THRESHOLD

    @property
    def certainty(self) -> float:
        """Probability that the decision is right if the score is that of following the prompt, in 0.5..1."""
        return max(self.score, 1 - self.score)

    def row(self) -> dict[str, Any]:
        """Return the line of a file; the score is in it for other readers."""
        return {**to_json(self), "score": self.score}


def parse_judgment(row: Mapping[str, Any]) -> Judgment:
    """Make a judgment from the line of a file.

    Raises:
        InputError: The line has another form.
    """
    judgment = from_json(Judgment, row)
    if not judgment.claims or not all(claim.yes and claim.choice for claim in judgment.claims):
        raise InputError("expected claims with answers under 'yes' and 'choice'")
    values = [value for claim in judgment.claims for value in (*claim.yes.values(), *claim.choice.values())]
    if not all(0 <= value <= 1 for value in values):
        raise InputError("expected probabilities in 0..1 under 'yes' and 'choice'")
    return judgment


def read_judgments(run: Run) -> dict[str, dict[SampleKey, Judgment]]:
    """Read the judgments of a finished run about its present videos, by judge and sample.

    Raises:
        InputError: A line has another form.
        StoreError: The run has not finished, or a file cannot be read.
    """
    names = run.disk.list(FOLDER, ".jsonl")
    videos = {sample.id: sample.video_sha256 for sample in run.iter_samples()} if names else {}
    judges: dict[str, dict[SampleKey, Judgment]] = {}
    for name in names:
        path = run.disk.path(name)
        for place, row in iter_objects(take_whole(run.disk.read(name), path), path):
            with located(place):
                judgment = parse_judgment(row)
            if videos.get(judgment.sample) == judgment.video_sha256:
                judges.setdefault(judgment.judge, {})[judgment.sample] = judgment
    return judges
