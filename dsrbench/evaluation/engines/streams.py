"""The items of a run on their way through the pools of Ray's workers, led by this process or by one of the cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dsrbench.evaluation.engines.pools import Pool
from dsrbench.evaluation.engines.workers import (
    DetectWorker,
    GenerateWorker,
    Item,
    ScoreWorker,
    Setup,
    pack_block,
    pack_items,
    unpack_items,
)
from dsrbench.evaluation.planning import Job

ITEMS = 16
"""Most items a task has, unless there would be too many tasks: a worker is given a task at once, and looks through it
again if the one before it died."""

TASKS = 512
"""Most tasks, or 64 a worker: Ray remembers each of them in the process that leads."""

WAIT = 0.5
"""Seconds for which finished items are gathered before they are sent to a client."""


def stream_items(blocks: Sequence[Sequence[Job]], pools: Mapping[str, Pool], setup: Setup) -> Iterator[Item]:
    """Lead the blocks through the pools; yield what the last stage makes of each."""
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    workers = [w for w in (GenerateWorker, DetectWorker, ScoreWorker) if w.stage in pools]
    most = pools[workers[0].stage].most
    size = max(1, min(ITEMS, len(blocks) // (32 * most)), -(-len(blocks) // max(TASKS, 64 * most)))
    parts = (blocks[first : first + size] for first in range(0, len(blocks), size))
    tables: Any = [ray.put(pack_items([pack_block(block) for block in part])) for part in parts]
    rows: Any = ray.data.from_arrow_refs(tables)
    for worker in workers:
        pool = pools[worker.stage]
        rows = rows.map_batches(
            worker,
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                min_size=pool.least, max_size=pool.most, max_tasks_in_flight_per_actor=2
            ),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
            fn_constructor_args=(setup,),
        )
    for table in rows.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield from unpack_items(table)


def stream_there(blocks: Sequence[Sequence[Job]], pools: Mapping[str, Pool], setup: Setup) -> Iterator[Item]:
    """Run `stream_items` in a process of the cluster, because Ray Data cannot be led through `ray://`."""
    import ray

    leader: Any = ray.remote(_Leader).options(num_cpus=0).remote(blocks, pools, setup)
    while items := ray.get(leader.take.remote()):
        yield from items


class _Leader:
    """Leads on the cluster, and hands out what is finished."""

    def __init__(self, blocks: Sequence[Sequence[Job]], pools: Mapping[str, Pool], setup: Setup) -> None:
        self._items = stream_items(blocks, pools, setup)

    def take(self) -> list[Item]:
        """Return the items that were finished since the last call, at least one; an empty list at the end."""
        began, taken = time.monotonic(), []
        for item in self._items:
            taken.append(item)
            if time.monotonic() > began + WAIT:
                break
        return taken
