"""Preference pairs: two clips of one prompt, of which one follows the prompt (arXiv 2602.22745)."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from dsrbench.errors import InputError, OptionError
from dsrbench.lines import iter_objects, located
from dsrbench.records import from_json
from dsrbench.store import LocalDisk, Sample
from dsrbench.types import HEADLINE_THRESHOLD, Prompt, Status

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Choice:
    """One clip that a model is trained on.

    Attributes:
        video: Path of the video, as its run records it.
        sha256: Hash of the video, 64 hexadecimal digits.
        seed: Seed of the sample.
        score: DSR-Score of the clip.
    """

    video: str
    sha256: str
    seed: int
    score: float


@dataclasses.dataclass(frozen=True)
class Pair:
    """A preference between two clips of a prompt.

    Attributes:
        prompt_id: Id of the prompt.
        text: Text that the model received.
        winner: Clip that follows the prompt.
        loser: Clip that has a score and does not follow the prompt.
    """

    prompt_id: str
    text: str
    winner: Choice
    loser: Choice

    @property
    def clips(self) -> tuple[Choice, ...]:
        """The winner, then the loser."""
        return self.winner, self.loser

    @property
    def margin(self) -> float:
        """Score of the winner minus score of the loser."""
        return self.winner.score - self.loser.score


@dataclasses.dataclass(frozen=True)
class PairReport:
    """Numbers of prompts with pairs, and of prompts without pairs by reason.

    Attributes:
        n_pairs: Number of pairs.
        with_both: Number of prompts with winners and losers.
        only_winners: Number of prompts whose scored clips all follow them.
        only_losers: Number of prompts whose scored clips all fail to follow them.
        unscored: Number of prompts without a scored clip.
        too_close: Number of prompts whose winners and losers all differ by less than the margin.
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
    """Pair clips of one prompt: winners score at least `threshold`, losers have a lower score.

    Clips without a score are left out. A prompt needs a winner and a loser. If a prompt has more pairs than
    `per_prompt`, pairs are drawn so that its clips appear about equally often.

    Args:
        samples: Samples of one or several runs of one model.
        threshold: Minimum score of a winner, in 0..1; in a chain it must also have visited the relations in between.
        margin: Minimum difference of the scores of a pair.
        per_prompt: Maximum number of pairs of a prompt; None for no limit.
        seed: Random seed of the draw.

    Returns:
        Pairs sorted by prompt, and the numbers of prompts with and without pairs.

    Raises:
        OptionError: An option is out of range.
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
        candidates = [_pair(w, x) for w in winners for x in losers if w.score.dsr_score - x.score.dsr_score >= margin]
        kinds["too close"] += bool(winners and losers and not candidates)
        pairs += _draw(candidates, per_prompt, np.random.default_rng([seed, number]))
    report = PairReport(
        len(pairs), kinds["both"], kinds["winners"], kinds["losers"], kinds["none"], too_close=kinds["too close"]
    )
    return pairs, report


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write `pairs.jsonl` completely or not at all."""
    lines = [json.dumps({**dataclasses.asdict(pair), "margin": pair.margin}, ensure_ascii=False) for pair in pairs]
    LocalDisk(path.parent).write_atomic(path.name, "".join(f"{line}\n" for line in lines).encode())


def read_pairs(path: Path) -> list[Pair]:
    """Read `pairs.jsonl`.

    Raises:
        InputError: The file cannot be read, or a line is no pair; the message names the line.
    """
    return read_rows(path, Pair, one="pair", several="pairs")


def read_rows(path: Path, kind: type[T], *, one: str, several: str) -> list[T]:
    """Read a file with a dataclass a line.

    Args:
        path: The file.
        kind: The dataclass.
        one: Name of a row, for messages.
        several: Name of the rows.

    Raises:
        InputError: The file cannot be read, or a line is no such row; the message names the line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {several} cannot be read ({error.strerror})") from None
    rows = []
    for place, values in iter_objects(data, path):
        with located(f"{place}: no {one}"):
            rows.append(from_json(kind, values))
    return rows


def _kind(winners: Sequence[Sample], losers: Sequence[Sample]) -> str:
    if winners and losers:
        return "both"
    return "winners" if winners else "losers" if losers else "none"


def _pair(winner: Sample, loser: Sample) -> Pair:
    prompt: Prompt = winner.prompt
    return Pair(prompt.id, winner.text_used or prompt.text, _choice(winner), _choice(loser))


def _choice(sample: Sample) -> Choice:
    return Choice(sample.video, sample.video_sha256, sample.seed, sample.score.dsr_score)


def _draw(pairs: list[Pair], max_pairs: int | None, rng: np.random.Generator) -> list[Pair]:
    """Draw a limited number of a prompt's pairs, first those whose clips have been used least."""
    if max_pairs is None or len(pairs) <= max_pairs:
        return pairs
    left = [pairs[i] for i in rng.permutation(len(pairs))]
    used: Counter[str] = Counter()
    chosen: list[Pair] = []
    while len(chosen) < max_pairs:
        pair = min(left, key=lambda p: used[p.winner.video] + used[p.loser.video])
        left.remove(pair)
        chosen.append(pair)
        used.update([pair.winner.video, pair.loser.video])
    return sorted(chosen, key=lambda p: (p.winner.seed, p.loser.seed))
