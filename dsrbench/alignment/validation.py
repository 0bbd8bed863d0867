"""Validation while a model is trained: is it better, does it still make videos, and which checkpoint was best."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dsrbench.alignment.checkpoint import rotate_checkpoints
from dsrbench.alignment.settings import ValidationSettings
from dsrbench.analysis.summary import coverage, mean_scores
from dsrbench.errors import TrainingError
from dsrbench.prompts import Suite
from dsrbench.quality import sharpness
from dsrbench.store import LocalDisk, Sample
from dsrbench.video import read_clip

NAME = "validation.jsonl"


@dataclasses.dataclass(frozen=True)
class Validation:
    """The result of a validation.

    Attributes:
        step: Step of the training; 0 for the base model.
        accuracy: Accuracy@0.7 over all samples.
        coverage: Share of samples that have a score.
        mean_score_low: Mean DSR-Score, the unscored as 0.
        sharpness: Mean of the clips' `dsrbench.quality.sharpness`.
        problem: Sign that the model has degenerated, in words; empty without one.
    """

    step: int
    accuracy: float
    coverage: float
    mean_score_low: float
    sharpness: float
    problem: str = ""

    @property
    def rank(self) -> tuple[float, float]:
        """Accuracy, then mean score with the unscored as 0: the higher, the better."""
        return self.accuracy, self.mean_score_low

    def figures(self) -> dict[str, float]:
        """Return the numbers among these, but for the step."""
        return {name: v for name, v in dataclasses.asdict(self).items() if name not in ("step", "problem")}

    def describe(self) -> str:
        """Say in a line what the validation found."""
        problem = f"; {self.problem}" if self.problem else ""
        return (
            f"step {self.step}: Accuracy@0.7 {self.accuracy:.3f}, coverage {self.coverage:.3f}, mean score (unscored "
            f"as 0) {self.mean_score_low:.3f}, sharpness {self.sharpness:.4f}{problem}"
        )


def measure(step: int, samples: Sequence[Sample], videos: Path) -> Validation:
    """Return the figures of validation samples whose videos are in a folder."""
    sharpnesses = [sharpness(read_clip(videos / sample.video).frames) for sample in samples if sample.video_sha256]
    passed = sum(sample.score.passes() for sample in samples) / len(samples)
    score = mean_scores(samples)["mean_score_low"]
    return Validation(step, passed, coverage(samples), score, float(np.mean(sharpnesses)) if sharpnesses else 0.0)


def find_problem(validation: Validation, base: Validation, settings: ValidationSettings) -> str:
    """Say what shows that a model has degenerated, against the base; empty where nothing does.

    The mean of scored samples alone is no sign: a model that has collapsed can have the best one.

    >>> base = Validation(0, 0.3, 0.9, 0.5, 0.02)
    >>> find_problem(Validation(50, 0.5, 0.7, 0.5, 0.02), base, ValidationSettings())
    'coverage fell from 0.90 to 0.70'
    >>> find_problem(Validation(50, 0.5, 0.9, 0.5, 0.05), base, ValidationSettings())
    'sharpness went from 0.0200 to 0.0500'
    """
    if validation.coverage < base.coverage - settings.max_coverage_loss:
        return f"coverage fell from {base.coverage:.2f} to {validation.coverage:.2f}"
    bound = settings.max_sharpness_change
    if not base.sharpness / bound <= validation.sharpness <= base.sharpness * bound:
        return f"sharpness went from {base.sharpness:.4f} to {validation.sharpness:.4f}"
    return ""


def choose_best(validations: Sequence[Validation], *, sound: bool = True) -> Validation | None:
    """Highest accuracy, then mean score with the unscored as 0, then the earliest; if `sound`, without a problem.

    >>> best = choose_best([Validation(50, 0.4, 0.9, 0.5, 1), Validation(100, 0.4, 0.9, 0.6, 1)])
    >>> best.step if best else None
    100
    """
    able = [row for row in validations if row.step > 0 and not (sound and row.problem)]
    return max(able, key=lambda row: (*row.rank, -row.step), default=None)


def read_validations(folder: Path) -> list[Validation]:
    """Return the results of validations in the folder of a training, the base first; none where there are none."""
    path = folder / NAME
    return [Validation(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def thin(suite: Suite, count: int) -> Suite:
    """At most `count` prompts of a suite, evenly spread."""
    if len(suite) <= count:
        return suite
    places = np.linspace(0, len(suite) - 1, count).round().astype(int)
    return Suite(f"{suite.name}[{count}]", suite.version, tuple(suite.prompts[place] for place in places))


class Watch:
    """Looks at every checkpoint of a training: validates it, keeps the best, says when to end.

    Args:
        folder: Folder of the training.
        settings: Bounds of degeneration and the number of checkpoints that are kept.
        validate: From a step and the folder of its adapter (None for the base) to what is found; by None, nothing is.
        tell: Told what each validation found.
    """

    def __init__(
        self,
        folder: Path,
        settings: ValidationSettings,
        validate: Callable[[int, Path | None], Validation] | None,
        tell: Callable[[Validation], None] = lambda _: None,
    ) -> None:
        self._folder, self._settings, self._validate, self._tell = folder, settings, validate, tell

    def __call__(self, step: int, adapter: Path) -> bool:
        """Look at a checkpoint; False ends the training."""
        going, best = True, None
        if self._validate is not None:
            measured = {row.step: row for row in self.rows()}
            base = measured.get(0) or self._first()
            validation = self._validate(step, adapter)
            validation = dataclasses.replace(validation, problem=find_problem(validation, base, self._settings))
            rows = [row for _, row in sorted({**measured, 0: base, step: validation}.items()) if row.step <= step]
            lines = [json.dumps(dataclasses.asdict(row)) + "\n" for row in rows]
            LocalDisk(self._folder).write_atomic(NAME, "".join(lines).encode())
            self._tell(validation)
            best = choose_best(rows, sound=self._settings.early_stop)
            going = not (validation.problem and self._settings.early_stop)
        rotate_checkpoints(
            self._folder, keep=self._settings.save_total_limit, best=best.step if best is not None else None
        )
        return going

    def _first(self) -> Validation:
        assert self._validate is not None
        base = self._validate(0, None)
        self._tell(base)
        return base

    def rows(self) -> list[Validation]:
        """Return the results so far, the base first."""
        return read_validations(self._folder)

    def choose(self, last: int) -> int:
        """Choose the step whose adapter the training ends with: the best by validation, without one the last.

        Raises:
            TrainingError: Every checkpoint had degenerated.
        """
        if self._validate is None:
            return last
        best = choose_best(self.rows(), sound=self._settings.early_stop)
        if best is None:
            raise TrainingError(
                f"{self._folder}: no checkpoint is sound: at step {last} {self.rows()[-1].problem}. Try a smaller "
                f"learning_rate, a larger reg_weight, or a smaller save_steps; early_stop=false goes on all the same"
            )
        return best.step
