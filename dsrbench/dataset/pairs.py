"""Preference pairs: of one prompt a clip that follows it, and one that does not (arXiv 2602.22745)."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dsrbench.errors import InputError, OptionError
from dsrbench.lines import iter_objects, located
from dsrbench.records import from_json
from dsrbench.store import LocalDisk, Sample
from dsrbench.types import HEADLINE_THRESHOLD, Prompt, Status


@dataclasses.dataclass(frozen=True)
class Choice:
    """A clip of a pair.

    Attributes:
        video: Its file, as its run records it.
        sha256: Hash of the file.
        seed: Seed of the sample.
        score: Its DSR-Score.
    """

    video: str
    sha256: str
    seed: int
    score: float


@dataclasses.dataclass(frozen=True)
class Pair:
    """A preference.

    Attributes:
        prompt_id: The prompt.
        text: The text the model was given.
        winner: The clip that follows the prompt.
        loser: One that can be scored, and does not.
    """

    prompt_id: str
    text: str
    winner: Choice
    loser: Choice

    @property
    def margin(self) -> float:
        """By how much the winner scores higher."""
        return self.winner.score - self.loser.score


@dataclasses.dataclass(frozen=True)
class PairReport:
    """How many prompts gave pairs, and why the others gave none.

    Attributes:
        n_pairs: Pairs made.
        with_both: Prompts with winners and losers.
        only_winners: Prompts whose scored clips all follow them.
        only_losers: Prompts none of whose scored clips does.
        unscored: Prompts without a scored clip.
        too_close: Prompts whose winners and losers are all closer than the margin.
    """

    n_pairs: int
    with_both: int
    only_winners: int
    only_losers: int
    unscored: int
    too_close: int = 0

    def __str__(self) -> str:
        return (
            f"{self.n_pairs} pairs; of the prompts {self.with_both} have winners and losers, {self.only_winners} only "
            f"winners, {self.only_losers} only losers, {self.unscored} no scored clip"
            + (f", {self.too_close} none far enough apart" if self.too_close else "")
        )


def make_pairs(
    samples: Iterable[Sample],
    *,
    threshold: float = HEADLINE_THRESHOLD,
    margin: float = 0.0,
    per_prompt: int | None = None,
    seed: int = 0,
) -> tuple[list[Pair], PairReport]:
    """Pair clips of one prompt: winners score at least `threshold`, losers are scored and below it.

    Clips without a score take no part. A prompt needs one of each. Where a prompt has more pairs than `per_prompt`,
    they are drawn so that its clips appear about equally often.

    Args:
        samples: Samples of one or several runs of one model.
        threshold: Lowest score of a winner, in 0..1; in a chain it must also have visited what lies between.
        margin: Least difference of the scores of a pair.
        per_prompt: Most pairs of a prompt; None for all.
        seed: Random seed of the draw.

    Returns:
        Pairs, sorted by prompt, and what became of the prompts.

    Raises:
        OptionError: An option out of range.
    """
    if not 0 <= threshold <= 1 or not 0 <= margin <= 1:
        raise OptionError(f"threshold and margin must lie in 0..1, got {threshold} and {margin}")
    if per_prompt is not None and per_prompt < 1:
        raise OptionError(f"per_prompt must be at least 1, got {per_prompt}")
    by_prompt: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        by_prompt[sample.prompt.id].append(sample)
    pairs: list[Pair] = []
    kinds: Counter[str] = Counter()
    for number, some in enumerate(by_prompt.values()):
        scored = [sample for sample in some if sample.score.status is Status.SCORED]
        winners = [sample for sample in scored if sample.score.passes(threshold)]
        losers = [sample for sample in scored if not sample.score.passes(threshold)]
        kinds[_kind(winners, losers)] += 1
        made = [_pair(w, x) for w in winners for x in losers if w.score.dsr_score - x.score.dsr_score >= margin]
        kinds["too close"] += bool(winners and losers and not made)
        pairs += _draw(made, per_prompt, np.random.default_rng([seed, number]))
    report = PairReport(
        len(pairs), kinds["both"], kinds["winners"], kinds["losers"], kinds["none"], too_close=kinds["too close"]
    )
    return pairs, report


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs.jsonl`, whole or not at all."""
    lines = [json.dumps({**dataclasses.asdict(pair), "margin": pair.margin}, ensure_ascii=False) for pair in pairs]
    LocalDisk(path.parent).write_atomic(path.name, "".join(f"{line}\n" for line in lines).encode())


def read_pairs(path: Path) -> list[Pair]:
    """Read `pairs.jsonl`.

    Raises:
        InputError: It cannot be read, or a line is no pair; names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: pairs cannot be read ({error.strerror})") from None
    pairs = []
    for place, values in iter_objects(data, path):
        with located(f"{place}: no pair"):
            pairs.append(from_json(Pair, values))
    return pairs


def _kind(winners: Sequence[Sample], losers: Sequence[Sample]) -> str:
    if winners and losers:
        return "both"
    return "winners" if winners else "losers" if losers else "none"


def _pair(winner: Sample, loser: Sample) -> Pair:
    prompt: Prompt = winner.prompt
    return Pair(prompt.id, winner.text_used or prompt.text, _choice(winner), _choice(loser))


def _choice(sample: Sample) -> Choice:
    return Choice(sample.video, sample.video_sha256, sample.seed, sample.score.dsr_score)


def _draw(pairs: list[Pair], most: int | None, rng: np.random.Generator) -> list[Pair]:
    """At most so many of a prompt's pairs, those first whose clips have been used least."""
    if most is None or len(pairs) <= most:
        return pairs
    left = [pairs[i] for i in rng.permutation(len(pairs))]
    used: Counter[str] = Counter()
    chosen: list[Pair] = []
    while len(chosen) < most:
        pair = min(left, key=lambda p: used[p.winner.video] + used[p.loser.video])
        left.remove(pair)
        chosen.append(pair)
        used.update([pair.winner.video, pair.loser.video])
    return sorted(chosen, key=lambda p: (p.winner.seed, p.loser.seed))
