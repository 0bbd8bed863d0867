"""Training loop of all stages: seeded steps, a learning rate that decays to 0, checkpoints, a time limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dsrbench.sprites.training.checkpoint import Progress

EVERY = 200
"""Number of steps between checkpoints, and between lines of the log."""

WARM_UP = 100
"""Number of steps in which the learning rate rises to its full value."""

OnStep = Callable[[int, int, float | None], None]
"""Callback with the steps done, the total steps, and the loss of the last step or None."""


class Clock:
    """Time limit of a run.

    Args:
        minutes: Time limit, minutes; None for no limit.
        interrupted: Function that tells whether to stop earlier, called after every step.
    """

    def __init__(self, minutes: float | None, interrupted: Callable[[], bool] = lambda: False) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes
        self._interrupted = interrupted

    def is_over(self) -> bool:
        """Tell whether the time has run out, or the run was interrupted."""
        return self._interrupted() or (self._end is not None and time.monotonic() >= self._end)


def run_steps(
    progress: Progress,
    steps: int,
    compute_loss: Callable[[int], Tensor],
    *,
    clock: Clock,
    log: Path,
    after_step: Callable[[int], None] | None = None,
    on_step: OnStep | None = None,
) -> bool:
    """Train from the last checkpoint to the last step or the time limit.

    Args:
        progress: Modules and optimisers, restored from the last checkpoint.
        steps: Total number of steps.
        compute_loss: Function from the number of a step to its loss; its randomness must depend on that number alone.
        clock: Time limit, at which the run ends with a checkpoint.
        log: JSON Lines file to which lines are appended.
        after_step: Function called with the number of each step after it.
        on_step: Callback for progress, called after each step.

    Returns:
        Whether all steps are done.
    """
    done = progress.load()
    rates = [[float(group["lr"]) for group in optimizer.param_groups] for optimizer in progress.optimizers]
    losses: list[float] = []
    start = time.monotonic()
    for step in range(done, steps):
        if clock.is_over():
            progress.save(step)
            return False
        _set_rates(progress.optimizers, rates, _share_of_rate(step, steps))
        loss = compute_loss(step)
        loss.backward()
        for optimizer in progress.optimizers:
            _clip(optimizer)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if after_step is not None:
            after_step(step)
        if on_step is not None:
            on_step(step + 1, steps, losses[-1])
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            progress.save(step + 1)
            seconds = (time.monotonic() - start) / len(losses)
            _write(
                log, {"stage": progress.path.stem, "step": step + 1, "loss": float(np.mean(losses)), "seconds": seconds}
            )
            losses, start = [], time.monotonic()
    return True


def make_generators(*numbers: int) -> tuple[np.random.Generator, torch.Generator]:
    """Make generators of numpy and torch that depend on these numbers alone."""
    rng = np.random.default_rng(numbers)
    return rng, torch.Generator().manual_seed(int(rng.integers(2**62)))


def make_average(averaged: nn.Module, trained: nn.Module, ema: float) -> Callable[[int], None]:
    """Return the function that updates running averages after a step; the share that they keep rises to `ema`."""

    @torch.no_grad()
    def after_step(step: int) -> None:
        decay = min(ema, (1 + step) / (10 + step))
        for slow, fast in zip(averaged.parameters(), trained.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)

    return after_step


def _share_of_rate(step: int, steps: int) -> float:
    """Return the share of the learning rate: it rises, stays, and falls linearly over the last two thirds."""
    return min(1.0, (step + 1) / WARM_UP, max(0.01, 1.5 * (1 - step / steps)))


def _set_rates(optimizers: Sequence[torch.optim.Optimizer], rates: list[list[float]], share: float) -> None:
    for optimizer, full in zip(optimizers, rates, strict=True):
        for group, rate in zip(optimizer.param_groups, full, strict=True):
            group["lr"] = rate * share


def _clip(optimizer: torch.optim.Optimizer) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)


def _write(log: Path, line: dict[str, object]) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
