"""The intervals of a study with people: simulated annotators, and the bootstrap of the package.

A prompt has two clips, which follow it with a probability of their own, drawn from a beta distribution whose
correlation within a prompt is `CORRELATION`. The score is a number about 0.85 for a clip that follows its prompt and
0.5 for another, with a normal error. Each annotator decides otherwise than the truth with probability `ERROR`.

Run `python benchmark/agreement/study.py` to print the table and to write it into the README.md beside it and into
docs/how-to/study.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsrbench import Prompt, Relation, Status, VideoScore
from dsrbench.analysis.labels import ClipLabel, Labels, PairLabel
from dsrbench.analysis.people import compare_people
from dsrbench.analysis.statistics import Interval
from dsrbench.markdown import markdown_table, rewrite_table
from dsrbench.store import Sample

FILES = (Path(__file__).with_name("README.md"), Path(__file__).parents[2] / "docs" / "how-to" / "study.md")
MARK = "<!-- table: study.py -->"

CLIPS = (50, 100, 200, 400)
ANNOTATORS = (1, 2, 3, 5)
ERROR = 0.1
CORRELATION = 0.2
PER_PROMPT = 2
MEANS, SPREAD = (0.5, 0.85), 0.15
Z = 1.959963984540054


@dataclasses.dataclass(frozen=True)
class Known:
    """The figures that a study of infinitely many clips would find."""

    alpha: float
    decisions: float
    auc: float
    preferences: float


def normal_share(value: float) -> float:
    """Return the share of a standard normal distribution below a value."""
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


def majority_error(n_annotators: int, error: float = ERROR) -> float:
    """Return the probability that most annotators err; a tie of an even number is left out of the decisions."""
    shares = [
        math.comb(n_annotators, k) * error**k * (1 - error) ** (n_annotators - k) for k in range(n_annotators + 1)
    ]
    wrong = sum(share for k, share in enumerate(shares) if 2 * k > n_annotators)
    right = sum(share for k, share in enumerate(shares) if 2 * k < n_annotators)
    return wrong / (wrong + right)


def compute_known(n_annotators: int) -> Known:
    """Compute the true figures; half of the clips follow their prompts."""
    wrong = majority_error(n_annotators)
    right = (normal_share((0.7 - MEANS[0]) / SPREAD) + normal_share((MEANS[1] - 0.7) / SPREAD)) / 2
    auc = normal_share((MEANS[1] - MEANS[0]) / (SPREAD * math.sqrt(2)))
    return Known(
        alpha=1 - 4 * ERROR * (1 - ERROR) if n_annotators > 1 else math.nan,
        decisions=right * (1 - wrong) + (1 - right) * wrong,
        auc=auc * (1 - 2 * wrong) + wrong,
        preferences=auc * (1 - ERROR) + (1 - auc) * ERROR,
    )


def simulate(n_clips: int, n_annotators: int, seed: int) -> tuple[list[Sample], Labels]:
    """Draw samples with scores, and the answers of annotators."""
    rng = np.random.default_rng([seed, n_clips, n_annotators])
    n_prompts = n_clips // PER_PROMPT
    strength = (1 / CORRELATION - 1) / 2
    follows = rng.random((n_prompts, PER_PROMPT)) < rng.beta(strength, strength, n_prompts)[:, None]
    scores = np.clip(np.where(follows, MEANS[1], MEANS[0]) + rng.normal(0, SPREAD, follows.shape), 0, 1)
    samples, clips, pairs = [], [], []
    for p in range(n_prompts):
        prompt = Prompt(f"p{p}", f"prompt {p}", "cat", "box", Relation.chain("LR"))
        own = [Sample("m", prompt, s, VideoScore(Status.SCORED, "", scores[p, s])) for s in range(PER_PROMPT)]
        samples += own
        for a in range(n_annotators):
            says = follows[p] ^ (rng.random(PER_PROMPT) < ERROR)
            clips += [
                ClipLabel(f"a{a}", sample.id, "left", "right" if yes else "left", "both")
                for sample, yes in zip(own, says, strict=True)
            ]
            if follows[p, 0] != follows[p, 1]:
                is_first = bool(follows[p, 0]) ^ bool(rng.random() < ERROR)
                pairs.append(PairLabel(f"a{a}", own[0].id, own[1].id, "first" if is_first else "second"))
    return samples, Labels(clips, pairs)


def half_width(intervals: Sequence[Interval]) -> float:
    """Return the mean half width of intervals."""
    return float(np.mean([(interval.high - interval.low) / 2 for interval in intervals]))


def by_formula(n_clips: int, n_annotators: int) -> tuple[float, float, float]:
    """Return half widths by the formulas of docs/how-to/study.md: of alpha, the decisions and the AUC."""
    known = compute_known(n_annotators)
    counts = n_clips * (1 - tie_share(n_annotators))
    decisions = Z * math.sqrt(known.decisions * (1 - known.decisions) / counts)
    a, half = known.auc, counts / 2
    one, two = a / (2 - a), 2 * a * a / (1 + a)
    auc = Z * math.sqrt((a * (1 - a) + (half - 1) * (one + two - 2 * a * a)) / half**2)
    return alpha_half_width(n_clips, n_annotators), decisions, auc


def tie_share(n_annotators: int) -> float:
    """Return the share of clips on which annotators are divided."""
    if n_annotators % 2:
        return 0.0
    k = n_annotators // 2
    return math.comb(n_annotators, k) * (ERROR * (1 - ERROR)) ** k


def alpha_half_width(n_clips: int, n_annotators: int) -> float:
    """Return the half width of alpha: twice that of the mean disagreement of pairs of annotators on a clip."""
    if n_annotators < 2:
        return math.nan
    n, probabilities, disagreements = n_annotators, [], []
    for k in range(n + 1):
        probabilities.append(math.comb(n, k) * ERROR**k * (1 - ERROR) ** (n - k))
        disagreements.append(2 * k * (n - k) / (n * (n - 1)))
    mean = sum(p * d for p, d in zip(probabilities, disagreements, strict=True))
    variance = sum(p * (d - mean) ** 2 for p, d in zip(probabilities, disagreements, strict=True))
    return 2 * Z * math.sqrt(variance / n_clips)


def measure(n_clips: int, n_annotators: int, sims: int) -> tuple[list[str], list[bool]]:
    """Return a row of the table, and whether each interval holds the true figure."""
    known = compute_known(n_annotators)
    results = [compare_people(*simulate(n_clips, n_annotators, seed)) for seed in range(sims)]
    figures = {
        "alpha": [people.alpha for people in results] if n_annotators > 1 else [],
        "decisions": [people.score.agreeing for people in results],
        "auc": [people.score.auc for people in results],
        "preferences": [people.score.pairwise for people in results],
    }
    held = [
        interval.low <= getattr(known, name) <= interval.high
        for name, intervals in figures.items()
        for interval in intervals
    ]
    formulas = dict(zip(("alpha", "decisions", "auc"), by_formula(n_clips, n_annotators), strict=True))
    cells = []
    for name, intervals in figures.items():
        formula = f" ({formulas[name]:.3f})" if name in formulas else ""
        cells.append(f"± {half_width(intervals):.3f}{formula}" if intervals else "–")
    return [str(n_clips), str(n_annotators), str(n_clips * n_annotators), *cells], held


def make_table(sims: int, clips: Sequence[int] = CLIPS, annotators: Sequence[int] = ANNOTATORS) -> str:
    """Return the table as Markdown, with the share of intervals that hold the true figure below it."""
    rows: list[list[str]] = []
    held: list[bool] = []
    for n_clips, n_annotators in itertools.product(clips, annotators):
        row, own = measure(n_clips, n_annotators, sims)
        rows.append([*row, f"{100 * float(np.mean(own)):.0f} %"])
        held += own
    truth = compute_known(3)
    head = ["clips", "annotators", "answers", "alpha", "decisions shared", "AUC", "preferences", "hold the truth"]
    return (
        f"{markdown_table(head, rows)}\n\n"
        f"Mean half widths of 95 % intervals over {sims} simulated studies, in parentheses those of the formulas; "
        f"{100 * float(np.mean(held)):.1f} % of all {len(held)} intervals hold the true figure. With three annotators "
        f"that is {truth.alpha:.2f} for alpha, {truth.decisions:.3f} for the decisions, {truth.auc:.3f} for the AUC "
        f"and {truth.preferences:.3f} for preferences."
    )


def main() -> None:
    """Make the table, print it and write it into both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=20, help="simulated studies for a row")
    table = make_table(parser.parse_args().sims)
    print(table)
    for path in FILES:
        rewrite_table(path, table, start=MARK)


if __name__ == "__main__":
    main()
