"""An inspect_ai task that scores a folder of videos with dsrbench.

    pip install dsrbench inspect_ai
    inspect eval examples/inspect_ai_task.py --model none -T videos=clips -T suite=dsr-core

A clip that passes counts 1, all others 0; the metadata of a sample have its DSR-Score and diagnosis.
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver

import dsrbench


@solver
def leave_as_it_is() -> Solver:
    """Ask no model."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@scorer(metrics=[mean(), stderr(cluster="prompt")])
def dsr_accuracy() -> Scorer:
    """Return whether a clip passes."""

    async def score(state: TaskState, target: Target) -> Score:
        return Score(value=int(state.metadata["passes"]), explanation=state.metadata["diagnosis"])

    return score


@task
def dsr(videos: str, suite: str = "dsr-core", detector: str | None = None, out: str | None = None) -> Task:
    """Score the videos of a folder."""
    result = dsrbench.evaluate(videos=videos, suite=suite, detector=detector, out=out)
    dataset = [
        Sample(
            id=str(sample.id),
            input=sample.prompt.text,
            metadata={
                "prompt": sample.prompt.id,
                "passes": sample.score.passes(),
                "dsr_score": None if sample.score.reason else sample.score.dsr_score,
                "diagnosis": str(sample.score.diagnosis or sample.score.reason),
            },
        )
        for sample in result.samples
    ]
    return Task(dataset=dataset, solver=leave_as_it_is(), scorer=dsr_accuracy())
