"""The rounds of an alignment: each makes an adapter from the one before; the last is compared with the base."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from dsrbench.alignment.comparison import AdapterComparison, compare_runs
from dsrbench.alignment.logs import check_trackers
from dsrbench.alignment.preparation import Preparation
from dsrbench.alignment.result import AlignmentResult
from dsrbench.alignment.settings import TrainingSettings
from dsrbench.alignment.stages import Round
from dsrbench.evaluation import Progress, Scorer, evaluate, plan_videos
from dsrbench.prompts import Suite
from dsrbench.quality.networks import find_networks
from dsrbench.store import Run


def _ignore(*_: object) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class Listener:
    """Functions that are called while an alignment goes on.

    Attributes:
        on_progress: Called with what is being done, how much is done, how much there is, and the newest.
        on_note: Called with lines that the user should see.
        on_adapter: Called with the folder of each round's adapter.
        on_comparison: Called with each comparison of base and adapter.
    """

    on_progress: Progress = _ignore
    on_note: Callable[[str], None] = _ignore
    on_adapter: Callable[[Path], None] = _ignore
    on_comparison: Callable[[AdapterComparison], None] = _ignore


def run_rounds(preparation: Preparation, listener: Listener) -> AlignmentResult:
    """Run what was prepared; the weights of its backends are there.

    Args:
        preparation: The result of `prepare_alignment`.
        listener: Functions that are called on the way.
    """
    config = preparation.config
    name, folder = preparation.find_model()
    settings = preparation.choose_settings(folder)  # what is wrong with it should not show after the sampling
    check_trackers(config.log_with)
    networks, notes = find_networks(config.dinov2, config.clip_iqa)
    scorer, out = preparation.choice.make(), Path(config.out)
    current = Round(
        name,
        folder,
        scorer,
        out,
        preparation.make_generator,
        takes_clips=settings.loss.takes_clips,
        on_progress=listener.on_progress,
    )
    for number in range(1, config.rounds + 1):
        current = current.at(number)
        if config.rounds > 1:
            listener.on_note(f"Round {number} of {config.rounds}")
        _make_adapter(current, preparation, settings, listener)
    if "evaluate" not in config.stages_to_run:
        return AlignmentResult(current.adapter)
    base = current.evaluate(preparation.held_out, config.seeds)
    aligned = current.evaluate(preparation.held_out, config.seeds, adapter=current.adapter)
    comparison = compare_runs(base, aligned, scorer.detector.name, networks=networks, notes=notes)
    comparison.write(current.home)
    listener.on_comparison(comparison)
    second = _compare_again(base, aligned, preparation, listener)
    if second is not None:
        second.write(current.home)
        listener.on_comparison(second)
    current.describe()
    return AlignmentResult(current.adapter, base, aligned, comparison, second)


def _make_adapter(current: Round, preparation: Preparation, settings: TrainingSettings, listener: Listener) -> None:
    """Run the stages of a round up to its adapter."""
    config = preparation.config
    if "candidates" in config.stages_to_run:
        share = settings.rewards.settled_share
        current.make_candidates(
            preparation.train, config.candidate_seeds, settled_share=share, on_note=listener.on_note
        )
    if "pairs" in config.stages_to_run:
        if settings.loss.takes_clips:
            listener.on_note(str(current.make_clips(min_spread=settings.rewards.min_spread)))
        elif config.pairs is None:
            listener.on_note(str(current.make_pairs(per_prompt=config.per_prompt)))
        else:
            listener.on_note(current.take_pairs(str(config.pairs), per_prompt=config.per_prompt))
    if "latents" in config.stages_to_run:
        current.encode()
    if "train" in config.stages_to_run:
        reduced = current.reduce_rate(settings)
        if reduced != settings:
            rate = reduced.optimizer.learning_rate
            listener.on_note(
                f"Round {current.number} trains at a learning rate of {rate:.2g}, after rounds without gain"
            )
        adapter = current.train(
            reduced,
            validation=preparation.validation,
            on_validation=lambda result: listener.on_note(result.describe()),
            log_with=config.log_with,
        )
        if current.hands_on_start:
            listener.on_note(f"Round {current.number} validates no better than an earlier one and hands on its adapter")
        listener.on_adapter(adapter)


def _compare_again(base: Run, aligned: Run, preparation: Preparation, listener: Listener) -> AdapterComparison | None:
    """Compare base and adapter under the second detector; None without one.

    A second detector that is the first with other options, such as other weights, has `-second` after its name.
    """
    if preparation.second is None:
        return None
    name = preparation.second.detector.name
    name += "-second" if name == preparation.choice.detector.name else ""
    scorer, suite = preparation.second.make(), preparation.held_out
    runs = [_score_again(run, suite, scorer, listener.on_progress) for run in (base, aligned)]
    return compare_runs(runs[0], runs[1], name)


def _score_again(run: Run, suite: Suite, scorer: Scorer, on_progress: Progress) -> Run:
    """Score the videos of a run with other backends, in a folder beside it named after their detector."""
    again = Run(run.folder.with_name(f"{run.folder.name}-{scorer.detector.name}"))
    plan = plan_videos(run.videos, suite, model=run.folder.name, partial=True)
    evaluate(plan, scorer, again, on_progress=on_progress)
    return again
