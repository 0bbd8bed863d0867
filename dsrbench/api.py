"""The commands as functions for programs: `dsrbench.evaluate` and `dsrbench.align`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dsrbench.alignment.config import AlignConfig
from dsrbench.backends.protocols import Options
from dsrbench.errors import MissingExtraError
from dsrbench.evaluation import Progress, Shard
from dsrbench.evaluation.engines.base import Engine
from dsrbench.evaluation.request import EvaluationRequest, Preparation, name_folder, note_nouns, prepare
from dsrbench.evaluation.running import evaluate as run_plan
from dsrbench.evaluation.weights import fetch_weights, find_missing_weights
from dsrbench.prompts import Suite
from dsrbench.store import Run, Sample

if TYPE_CHECKING:
    import pandas as pd

    from dsrbench.alignment.result import AlignmentResult
    from dsrbench.analysis import Summary


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationResult:
    """A finished evaluation.

    Attributes:
        run: Its run folder.
        samples: Every sample with its score, sorted.
    """

    run: Run
    samples: Sequence[Sample]

    @functools.cached_property
    def summary(self) -> Summary:
        """The figures of the samples: accuracy with intervals, coverage, mean score, by relation and more."""
        from dsrbench.analysis import summarize

        return summarize(self.samples)

    def to_pandas(self) -> pd.DataFrame:
        """Return the samples as a table, a row each, with the columns of `samples.parquet`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        import pyarrow.parquet as pq

        try:
            import pandas  # noqa: F401
        except ImportError:
            raise MissingExtraError("a table of pandas", "pandas", "dataset") from None
        return pq.read_table(self.run.disk.fetch("samples.parquet")).to_pandas()

    def report(self) -> Path:
        """Write the web page of the run, unless it is up to date, and return its path."""
        from dsrbench.report import update_page

        return update_page(self.run)


def evaluate(
    *,
    model: str | None = None,
    videos: str | Path | None = None,
    suite: Suite | str | Path | None = None,
    seeds: Sequence[int] | None = None,
    adapter: str | Path | None = None,
    protocol: str | None = None,
    detector: str | None = None,
    tracker: str | None = None,
    second_detector: str | None = None,
    depth: str | None = None,
    options: Options | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    offline: bool = False,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> EvaluationResult:
    """Generate the videos of a model, or take videos that exist, and score them against a suite of prompts.

    Choices that are left out follow the model, as for `dsrbench eval`. A run folder that holds a part of the work is
    gone on with.

    Args:
        model: A short name such as "cogvideox", a folder of a diffusers pipeline, an id on the Hub, or a generator's
            name. Without `model` and `videos`, the embedded model.
        videos: In place of a model, a folder of videos or a list of videos (CSV or JSONL).
        suite: Prompts: a suite, its name, or its file.
        seeds: Seeds of every prompt; by default 0 to 4 where videos are made.
        adapter: LoRA to put on the model.
        protocol: Name of a protocol, such as "spatialalign".
        detector: Name of a detector.
        tracker: Name of a tracker.
        second_detector: Name of another detector, whose disagreement with the first is part of the certainty; no score
            changes.
        depth: Name of a depth estimator, for prompts with "in front of" or "behind".
        options: Options of backends by kind, such as `{"detector": {"threshold": 0.2}}`.
        out: Run folder or URL; by default `runs/MODEL-SUITE`.
        limit: Largest number of samples.
        offline: Whether to refuse to fetch weights that are missing.
        on_progress: Called with what is being done, how many samples are done, how many there are, and the newest.
        on_note: Called with lines that the user should see: choices by default, weights that are fetched, the run
            folder, nouns that a detector reads as something else.

    Returns:
        The samples, the figures, and the run folder.

    Raises:
        DSRBenchError: A class of it for each kind of failure; see `dsrbench.errors`.
    """
    request = EvaluationRequest(
        model=model,
        adapter=str(adapter) if adapter is not None else None,
        videos=Path(videos) if videos is not None else None,
        suite=suite,
        seeds=seeds,
        limit=limit,
        protocol=protocol,
        detector=detector,
        tracker=tracker,
        second_detector=second_detector,
        depth=depth,
        options=options or {},
        out=out,
    )
    preparation = prepare(request)
    say = on_note or (lambda _: None)
    if preparation.default_note:
        say(f"by default: {preparation.default_note}")
    fetch_weights(find_missing_weights(preparation.backends), offline=offline, say=say)
    return run_evaluation(preparation, on_note=say, on_progress=on_progress)


def run_evaluation(
    preparation: Preparation,
    *,
    engine: Engine | None = None,
    shard: Shard | None = None,
    force: bool = False,
    on_note: Callable[[str], None] = lambda _: None,
    on_progress: Progress | None = None,
) -> EvaluationResult:
    """Run what was prepared; the weights of its backends are there.

    Args:
        preparation: The result of `prepare`.
        engine: Engine that does the work; by default this process.
        shard: Part of the plan to do; by default all of it.
        force: Whether to do everything again, whatever the folder holds.
        on_note: Called with lines that the user should see before the work begins.
        on_progress: Called with the progress, with the arguments that `evaluate` describes.
    """
    planned = preparation.plan()
    plan = planned.plan
    folder = name_folder(preparation.request, plan, shard.folder if shard is not None else "")
    on_note(planned.describe(folder))
    run = Run(folder)
    for note in (*plan.notes, *planned.notes):
        on_note(f"note: {note}")
    scorer = preparation.choice.make()
    for note in note_nouns(scorer, plan):
        on_note(f"note: {note}")
    samples = run_plan(
        plan,
        scorer,
        run,
        generator=planned.generator,
        force=force,
        engine=engine,
        shard=shard,
        on_progress=on_progress,
    )
    return EvaluationResult(run, samples)


def align(
    config: AlignConfig,
    *,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> AlignmentResult:
    """Fine-tune a model on preferences that DSR-Score makes, and compare it with its base on held-out prompts.

    Does what `dsrbench align` does. A folder that holds a part of the work is gone on with.

    Args:
        config: All choices; `AlignConfig(model="wan2.1-1.3b", out="runs/wan")` leaves most of them to the model.
        on_progress: Called with what is being done, how much is done, how much there is, and the newest.
        on_note: Called with lines that the user should see: choices by default, weights that are fetched, rounds,
            pairs, validations.

    Returns:
        The adapter, the runs of base and adapter, and their comparison.

    Raises:
        DSRBenchError: A class of it for each kind of failure; see `dsrbench.errors`.
    """
    from dsrbench.alignment.preparation import prepare_alignment
    from dsrbench.alignment.rounds import Listener, run_rounds

    preparation = prepare_alignment(config)
    say = on_note or (lambda _: None)
    if preparation.default_note:
        say(f"by default: {preparation.default_note}")
    fetch_weights(find_missing_weights(preparation.backends), offline=config.offline, say=say)
    return run_rounds(preparation, Listener(on_progress=on_progress or (lambda *_: None), on_note=say))
