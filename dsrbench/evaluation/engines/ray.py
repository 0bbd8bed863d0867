"""The Ray engine: generation, detection with tracking, and scoring in pools of workers, on one machine or many.

Between the scorer go small rows: a sample's id, paths, keys; never frames. What a stage makes it writes to the run
folder, as the local engine does, so that a worker that died is replaced and whatever it had finished is found again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from dsrbench import errors
from dsrbench.errors import BackendError, DSRBenchError, MissingExtraError, OptionError, StoreError, last_line
from dsrbench.evaluation.engines.base import Work
from dsrbench.evaluation.engines.pools import settle_pools
from dsrbench.evaluation.engines.streams import stream_items, stream_there
from dsrbench.evaluation.engines.workers import Attempts, Item, Setup
from dsrbench.evaluation.scorer import Scorer
from dsrbench.store import Mirror, Run

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a change to come
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""Environment variables of Ray, unless the user has set them: no reports to its makers, no lines between ours."""

QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}

OBJECT_STORE = 200_000_000
"""Bytes of shared memory of a cluster started here: rows are small."""

CONNECTION_TRIES = 3
"""Attempts to connect through `ray://`: a busy head gives up on starting a process for a client after 30 seconds."""


class RayEngine:
    """Streams the items through pools of workers.

    Args:
        address: Address of a cluster, such as `auto` or `ray://head:10001`; by default one is started on this machine.
        pools: Requested size and resources of each stage's pool, as `parse_pool` returns them.
        tries: Attempts at an item that kills its worker, on one machine, before its sample is failed.

    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: Fewer than one try.
    """

    def __init__(
        self, *, address: str | None = None, pools: Mapping[str, Mapping[str, Any]] | None = None, tries: int = 3
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("engine 'ray'", "ray", "ray")
        if tries < 1:
            raise OptionError(f"an item is tried at least once, got {tries}")
        self._address, self._pools, self._tries = address, pools or {}, tries

    def work(self, work: Work, tell: Callable[[str, str], None]) -> None:
        """Do the work, as `Engine` says.

        Raises:
            OptionError: The cluster has not what the pools need.
            BackendError: No cluster at the address, or a backend that cannot be used on it.
            StoreError: A worker could not write the run folder.
        """
        with _cluster(self._address) as ray:
            resources = ray.cluster_resources()
            generates = work.generator is not None
            pools = settle_pools(self._pools, resources.get("CPU", 0), resources.get("GPU", 0), generates=generates)
            work.run.log("ray", pools={stage: str(pool) for stage, pool in pools.items()})
            attempts = Attempts(Path(tempfile.gettempdir()) / f"dsrbench-{secrets.token_hex(8)}")
            stream = stream_there if ray.util.client.ray.is_connected() else stream_items
            try:
                for item in stream(work.blocks(), pools, _make_setup(work, self._tries, attempts)):
                    if "fatal" in item:
                        raise _revive(item)
                    tell("scoring", item["name"])
            except ray.exceptions.RayError as error:
                raise BackendError(f"ray: {last_line(error)}") from error
            finally:
                shutil.rmtree(attempts.folder, ignore_errors=True)


def _make_setup(work: Work, tries: int, attempts: Attempts) -> Setup:
    scorer, generator = work.scorer, work.generator
    second, depth = (each.maker() if each is not None else None for each in (scorer.second, scorer.depth))
    fields = {"counts": scorer.counts, "stride": scorer.stride, "protocol": scorer.protocol}
    return Setup(
        run=work.run if isinstance(work.run.disk, Mirror) else Run(work.run.folder.absolute()),
        suite=work.plan.suite,
        generator=generator.maker() if generator is not None else None,
        record=dataclasses.replace(generator, instance=cast("Any", None)) if generator is not None else None,
        scorer=functools.partial(_make_scorer, scorer.detector.maker(), scorer.tracker.maker(), second, depth, fields),
        counts=scorer.counts,
        refused=dict(work.refused),
        tries=tries,
        attempts=attempts,
        threads=os.environ.get("OMP_NUM_THREADS"),
    )


def _make_scorer(
    detector: Callable[[], Any],
    tracker: Callable[[], Any],
    second: Callable[[], Any] | None,
    depth: Callable[[], Any] | None,
    fields: Mapping[str, Any],
) -> Scorer:
    optional = {name: make() for name, make in (("second", second), ("depth", depth)) if make is not None}
    return Scorer(detector(), tracker(), **optional, **fields)


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster: the one this process is connected to, the one at `address`, or one of its own.

    Raises:
        BackendError: There is none at the address.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.util.client

    if ray.is_initialized():
        yield ray
        return
    if address in (None, "local"):
        with start_here(ray):
            yield ray
        return
    try:
        _reach(address)
        connect(ray, address)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        raise BackendError(
            f"no Ray cluster at {address} ({last_line(error)}); start one with `ray start --head`, or leave "
            f"--address out. For a cluster that asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """See whether anybody listens at an address, which Ray itself would ask for minutes.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster; one that could not start a process for this client in time is tried again.

    Raises:
        ConnectionAbortedError: It could not at any of `CONNECTION_TRIES` attempts.
    """
    for left in reversed(range(CONNECTION_TRIES)):
        try:
            ray.init(address=address, **QUIET)
            return
        except ConnectionAbortedError:
            if not left:
                raise


@contextlib.contextmanager
def _paths_for_children() -> Iterator[None]:
    """Let the workers import whatever can be imported here."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


@contextlib.contextmanager
def start_here(ray: Any, *, cpus: int | None = None) -> Iterator[None]:
    """Start a cluster of this machine alone, for as long as the context lasts.

    Args:
        ray: The package.
        cpus: CPUs it counts; by default those this process may use, and at least two.
    """
    if cpus is None:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder, _paths_for_children():
        ray.init(
            address="local",
            num_cpus=max(2, cpus),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _temp_dir=folder,
            **QUIET,
        )
        try:
            yield
        finally:
            ray.shutdown()


def _revive(item: Item) -> DSRBenchError:
    """Restore the error of a worker, as it would have been raised here."""
    kind = StoreError if issubclass(getattr(errors, item["fatal"], BackendError), StoreError) else BackendError
    return kind(item["message"])
