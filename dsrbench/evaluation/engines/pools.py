"""The number of workers of each stage, and the resources of a cluster that each of them takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from dsrbench.errors import OptionError, near_matches

STAGES = ("generate", "detect", "score")

FREE = 0.25
"""CPUs that no pool may take: a pipeline that holds them all waits for ever for one to plan with."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """Workers of one stage.

    Attributes:
        least: Workers from the beginning.
        most: Workers when there is work for them.
        cpus: CPUs a worker is counted for; it is not held to them.
        gpus: GPUs a worker gets, in fractions where several share one.
    """

    least: int = 1
    most: int = 1
    cpus: float = 0.5
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise OptionError(f"a pool has at least one worker and at most as many as its maximum, got {self}")
        if not (0 < self.cpus < math.inf and 0 <= self.gpus < math.inf):
            raise OptionError(f"a worker takes more than 0 CPUs and 0 or more GPUs, got {self}")

    def __str__(self) -> str:
        return f"{self.least}:{self.most},cpus={self.cpus:g},gpus={self.gpus:g}"


def parse_pool(text: str) -> tuple[str, dict[str, Any]]:
    """Read `detect=2:8,gpus=0.25,cpus=1`, of which any part may be left out.

    Returns:
        The stage, and what is said of its pool.

    Raises:
        OptionError: Not of that form, or no such stage.

    >>> parse_pool("detect=2:8,gpus=0.25")
    ('detect', {'least': 2, 'most': 8, 'gpus': 0.25})
    """
    stage, _, rest = text.partition("=")
    if stage not in STAGES:
        raise OptionError(f"no stage {stage!r} in pool {text!r}{near_matches(stage, STAGES)}")
    settings: dict[str, Any] = {}
    try:
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            if not equals:
                least, _, most = part.partition(":")
                settings |= {"least": int(least), "most": int(most or least)}
            elif name in ("cpus", "gpus"):
                settings[name] = float(value)
            else:
                raise ValueError
    except ValueError:
        settings = {}
    if not settings:
        raise OptionError(f"expected a pool such as detect=2:8,gpus=0.25,cpus=1, got {text!r}")
    return stage, settings


def usual_pools(cpus: float, gpus: float, *, generates: bool) -> dict[str, Pool]:
    """Pools for a cluster of so many CPUs and GPUs.

    A generator has a GPU of its own where there are several, and shares the only one with detectors; four detectors
    share a GPU.

    >>> pools = usual_pools(64, 8, generates=True)
    >>> str(pools["generate"]), str(pools["detect"])
    ('1:7,cpus=0.5,gpus=1', '1:4,cpus=0.5,gpus=0.25')
    >>> str(usual_pools(2, 0, generates=False)["detect"])
    '1:1,cpus=0.5,gpus=0'
    """
    few = max(1, int(cpus // 4))
    score = Pool(1, max(1, int(cpus // 8)), cpus=0.25)
    if gpus < 1:
        detect, generate = Pool(1, few), Pool(1, few)
    elif generates:
        detect = Pool(1, 4, gpus=0.25) if gpus >= 2 else Pool(1, 1, gpus=0.25)
        generate = Pool(1, int(gpus) - 1, gpus=1.0) if gpus >= 2 else Pool(1, 1, gpus=0.75)
    else:
        detect, generate = Pool(1, 4 * int(gpus), gpus=0.25), Pool()
    return {**({"generate": generate} if generates else {}), "detect": detect, "score": score}


def settle_pools(
    requested: Mapping[str, Mapping[str, Any]], cpus: float, gpus: float, *, generates: bool
) -> dict[str, Pool]:
    """Return the pools in force: the usual ones, but for what was asked for, none so large that the others starve.

    Raises:
        OptionError: The cluster has not even what the smallest pools need.

    >>> str(settle_pools({"detect": {"least": 1, "most": 99}}, 2, 0, generates=False)["detect"])
    '1:3,cpus=0.5,gpus=0'
    """
    pools = usual_pools(cpus, gpus, generates=generates)
    for stage, settings in requested.items():
        if stage not in pools:
            raise OptionError(f"there is no pool {stage!r} here: the videos are taken as they are")
        pools[stage] = dataclasses.replace(pools[stage], **settings)
    for what, available, free in (("cpus", cpus, FREE), ("gpus", gpus, 0.0)):
        needed = sum(pool.least * getattr(pool, what) for pool in pools.values())
        if needed + free > available:
            listed = ", ".join(f"{stage}={pool}" for stage, pool in pools.items())
            raise OptionError(
                f"the pools need {needed + free:g} {what.upper()[:-1]}s and the cluster has {available:g}: give --pool "
                f"STAGE=MIN:MAX,cpus=X,gpus=Y with less (now {listed})"
            )
        for stage, pool in pools.items():
            each = getattr(pool, what)
            if each:
                others = needed - pool.least * each
                fits = int((available - free - others) / each + 1e-9)
                pools[stage] = dataclasses.replace(pool, most=max(pool.least, min(pool.most, fits)))
    return pools
