"""`dsrbench serve-reward`: a reward for trainers on other machines, over HTTP.

`POST /rewards` takes a request of `dsrbench.rewards.wire`, `GET /health` says that the server is there, `GET /metrics`
has counters in Prometheus' format. Clips of several clients are rewarded together, in the order of arrival. What waits
in memory is bounded; a client beyond it is asked to come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hmac
import logging
import math
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrbench import __version__
from dsrbench.errors import InputError, MissingExtraError, first_line
from dsrbench.rewards.reward import DSRReward, RewardDetail
from dsrbench.rewards.wire import describe_detail, unpack_request

logger = logging.getLogger("dsrbench")

PORT = 8765
"""Port where none is named."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches, which need no token."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of what clients may send.

    Attributes:
        body: Size of a request, in bytes.
        waiting: Size of all requests that wait or are read, in bytes.
        idle: Time between two parts of a body, in seconds.
        rate: Bytes a second of a whole body, beside `idle`.
        discard: Largest refused body that is read before the answer, in bytes.
        batch: Clips that are rewarded in one call.
        connections: Connections at once.
    """

    body: int = 2 << 30
    waiting: int = 8 << 30
    idle: float = 20.0
    rate: float = 1 << 20
    discard: int = 64 << 20
    batch: int = 64
    connections: int = 256


PATIENCE = 0.5
"""Time to wait for more of a refused body, in seconds."""


class RefusedError(Exception):
    """A request that is not answered; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclasses.dataclass
class _Job:
    """The clips of a request, and where their rewards go."""

    videos: list[NDArray[np.uint8]]
    prompts: list[str]
    done: asyncio.Future[list[RewardDetail]]


class RewardService:
    """Rewards requests one batch at a time, in a thread.

    Args:
        reward: The reward.
        limits: Limits of what clients may send.
    """

    def __init__(self, reward: DSRReward, limits: Limits) -> None:
        self.reward, self.limits = reward, limits
        self.counters: dict[str, float] = dict.fromkeys(("requests", "refused", "failed", "clips", "seconds"), 0.0)
        self.reserved = 0
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()

    async def submit(self, videos: list[NDArray[np.uint8]], prompts: list[str]) -> list[RewardDetail]:
        """Return the rewards of clips, once it is their turn."""
        job = _Job(videos, prompts, asyncio.get_running_loop().create_future())
        await self._queue.put(job)
        return await job.done

    async def work(self) -> None:
        """Reward what comes, until cancelled."""
        while True:
            jobs = [await self._queue.get()]
            while not self._queue.empty() and sum(len(job.prompts) for job in jobs) < self.limits.batch:
                jobs.append(self._queue.get_nowait())
            jobs = [job for job in jobs if not job.done.done()]  # a client may have gone
            began = time.monotonic()
            try:
                details = await asyncio.to_thread(self._run, jobs)
            except Exception as error:
                logger.exception("the reward failed")
                self.counters["failed"] += len(jobs)
                for job in jobs:
                    if not job.done.done():
                        job.done.set_exception(RefusedError(500, f"the reward failed: {first_line(error)}"))
                continue
            self.counters["clips"] += len(details)
            self.counters["seconds"] += time.monotonic() - began
            for job in jobs:
                own, details = details[: len(job.prompts)], details[len(job.prompts) :]
                if not job.done.done():
                    job.done.set_result(own)

    def _run(self, jobs: list[_Job]) -> list[RewardDetail]:
        videos = [video for job in jobs for video in job.videos]
        prompts = [text for job in jobs for text in job.prompts]
        with tempfile.TemporaryDirectory(prefix="dsrbench-reward-") as folder:
            inputs: list[NDArray[np.uint8] | Path] = []
            for i, video in enumerate(videos):
                if video.ndim == 1:
                    path = Path(folder) / f"{i}.mp4"
                    path.write_bytes(video.tobytes())
                    inputs.append(path)
                else:
                    inputs.append(video)
            return self.reward(inputs, prompts, details=True)


def make_app(reward: DSRReward, *, token: str = "", limits: Limits | None = None) -> Any:
    """Return the ASGI application of a reward.

    Args:
        reward: The reward; its videos have the layout "THWC".
        token: Token that clients must send as `Authorization: Bearer TOKEN`; empty for none.
        limits: Limits of what clients may send.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("a reward server", error.name or "starlette", "serve") from None
    service = RewardService(reward, limits or Limits())
    pages = _Pages(service, token)

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        worker = asyncio.create_task(service.work())
        yield
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker

    routes = [
        Route("/rewards", pages.rewards, methods=["POST"]),
        Route("/health", pages.health),
        Route("/metrics", pages.metrics),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: pages.explain, 405: pages.explain})


class _Pages:
    """The routes of the application."""

    def __init__(self, service: RewardService, token: str) -> None:
        self._service, self._token = service, token

    async def rewards(self, request: Any) -> Any:
        """Answer a request for rewards."""
        from starlette.requests import ClientDisconnect
        from starlette.responses import JSONResponse

        service, size = self._service, 0
        service.counters["requests"] += 1
        try:
            self._check_token(request)
            size = reserve(service, request.headers)
            videos, prompts = unpack_request(await read_body(request, size, service.limits))
            details = await service.submit(videos, prompts)
            return JSONResponse({"rewards": [describe_detail(detail) for detail in details]})
        except RefusedError as error:
            await discard_body(request, service.limits)
            return self._refuse(error.status, str(error))
        except InputError as error:
            return self._refuse(400, str(error))
        except ClientDisconnect:
            return self._refuse(400, "the body ended early")
        finally:
            service.reserved -= size

    async def health(self, _: Any) -> Any:
        """Say that the server is there, and with which backends."""
        from starlette.responses import JSONResponse

        return JSONResponse({"status": "ok", "version": __version__, **self._service.reward.backends})

    async def metrics(self, request: Any) -> Any:
        """Return the counters."""
        from starlette.responses import PlainTextResponse

        try:
            self._check_token(request)
        except RefusedError as error:
            return self._refuse(error.status, str(error))
        return PlainTextResponse(describe_metrics(self._service))

    async def explain(self, _: Any, error: Any) -> Any:
        """Answer a request for another path or by another method."""
        from starlette.responses import PlainTextResponse

        return PlainTextResponse(f"{error.detail}: POST /rewards, GET /health, GET /metrics\n", error.status_code)

    def _check_token(self, request: Any) -> None:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(sent.encode(), self._token.encode()):
            raise RefusedError(401, "expected the token of this server, as 'Authorization: Bearer TOKEN'")

    def _refuse(self, status: int, message: str) -> Any:
        from starlette.responses import PlainTextResponse

        self._service.counters["refused"] += 1
        headers = {"Connection": "close", **({"Retry-After": "5"} if status == 503 else {})}
        return PlainTextResponse(f"{' '.join(message.split())}\n", status, headers)


def reserve(service: RewardService, headers: Mapping[str, str]) -> int:
    """Reserve memory for a body, and return its size.

    Raises:
        RefusedError: The size is not given, or too large, now or ever.
    """
    limits, length = service.limits, headers.get("content-length", "")
    if not length.isdecimal():
        raise RefusedError(411, "expected a body with a Content-Length")
    size = int(length[:20])
    if size > limits.body:
        raise RefusedError(413, f"a request has at most {limits.body} bytes, this one has {size}: send fewer clips")
    if service.reserved + size > limits.waiting:
        raise RefusedError(503, "too much is waiting; come again")
    service.reserved += size
    return size


async def read_body(request: Any, size: int, limits: Limits) -> bytearray:
    """Read a body of a known size.

    Raises:
        RefusedError: It comes too slowly, or ends early.
    """
    body, end, now = bytearray(size), 0, asyncio.get_running_loop().time
    start = now()
    try:
        async with asyncio.timeout(limits.idle) as deadline:
            async for part in request.stream():
                body[end : end + len(part)] = part
                end += len(part)
                deadline.reschedule(min(now(), start + end / limits.rate) + limits.idle)
    except TimeoutError:
        raise RefusedError(408, f"the body came too slowly: {end} of {size} bytes") from None
    if end != size:
        raise RefusedError(400, f"the body ended early: {end} of {size} bytes")
    return body


async def discard_body(request: Any, limits: Limits) -> None:
    """Read the rest of a refused body, unless it is large: a client that still sends hears no answer."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length[:20]) > limits.discard:
        return
    now = asyncio.get_running_loop().time
    with contextlib.suppress(Exception):
        async with asyncio.timeout(PATIENCE) as deadline:
            async for _ in request.stream():
                deadline.reschedule(now() + PATIENCE)


def describe_metrics(service: RewardService) -> str:
    """Return the counters and the figures of the last call, in Prometheus' text format."""
    lines = [f"dsrbench_reward_{name}_total {value:g}" for name, value in service.counters.items()]
    for name, value in service.reward.figures.items():
        if not math.isnan(value):
            lines.append(f"dsrbench_{name.replace('/', '_')} {value:g}")
    return "\n".join(lines) + "\n"


def serve(
    reward: DSRReward, *, host: str = LOOPBACK[0], port: int = PORT, token: str = "", limits: Limits | None = None
) -> None:
    """Serve a reward until interrupted.

    Args:
        reward: The reward.
        host: Address to listen at.
        port: Port to listen on.
        token: The clients' token; empty for none, on a loopback address alone.
        limits: Limits of what clients may send.

    Raises:
        InputError: An address that others reach, without a token; or a port that cannot be listened on.
        MissingExtraError: uvicorn or starlette is not installed.
    """
    if host not in LOOPBACK and not token:
        raise InputError(f"{host} can be reached by other machines: give a token, or listen at {LOOPBACK[0]}")
    try:
        import uvicorn
    except ImportError:
        raise MissingExtraError("a reward server", "uvicorn", "serve") from None
    bounds = limits or Limits()
    app = make_app(reward, token=token, limits=bounds)
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", limit_concurrency=bounds.connections, timeout_keep_alive=5
    )
    try:
        uvicorn.Server(config).run()
    except SystemExit:
        raise InputError(f"cannot listen at {host}:{port}: the port is taken, or may not be used") from None
