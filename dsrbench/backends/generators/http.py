"""Generator `http`: hosted models behind a video endpoint in the style of OpenAI's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dsrbench.backends.base import Generator
from dsrbench.backends.generators.service import GoneError, RefusedError, Service
from dsrbench.backends.generators.upsampled import Texts
from dsrbench.errors import BackendError, InputError, OptionError, StoreError, VideoError
from dsrbench.hub import cache_folder
from dsrbench.types import Clip, NoClip, Prompt
from dsrbench.video import read_clip

WAITING = ("queued", "in_progress", "processing", "pending", "running")
"""States of a job that has not ended."""


class Http(Generator):
    """A hosted model: every video is submitted as a job, polled until the job has ended, and downloaded.

    The service has no seeds: a sample's seed only numbers its draws. Job ids are stored in the user's cache folder by
    endpoint, model, settings, text and seed, so that a job that was paid for is polled again, not submitted again;
    delete that folder to submit new jobs.

    Args:
        url: Base address of the endpoint, such as `https://api.openai.com/v1`.
        model: Name of the model at the service.
        size: Width x height in the service's notation; by default the service's own.
        seconds: Length of a clip in seconds; by default the service's own.
        key_env: Environment variable that holds the key; the key itself is neither logged nor recorded.
        batch: Number of videos requested at once.
        poll: Seconds between two polls of a job.
        patience: Maximum duration of a job, seconds.
        per_minute: Maximum number of requests per minute; 0 for no limit.
        attempts: Maximum number of attempts of a request.
        timeout: Maximum silence of the service, seconds.
        upsampled: A file of `dsrbench upsample`; the model receives its texts instead of the prompts' own.

    Raises:
        OptionError: An option is out of range, or there is no key.
        InputError: The file has no upsampled prompts.
    """

    name = "http"
    independent = True

    def __init__(
        self,
        *,
        url: str = "",
        model: str = "",
        size: str | None = None,
        seconds: str | None = None,
        key_env: str = "OPENAI_API_KEY",
        batch: int = 4,
        poll: float = 5.0,
        patience: float = 3600.0,
        per_minute: float = 0.0,
        attempts: int = 6,
        timeout: float = 60.0,
        upsampled: Path | None = None,
    ) -> None:
        parts = _check_url(url)
        if not model:
            raise OptionError("which model? Give its name at the service with the option model")
        for name, value in (("batch", batch), ("attempts", attempts), ("timeout", timeout), ("patience", patience)):
            if not value > 0:
                raise OptionError(f"{name} must be above 0, got {value}")
        if not (poll >= 0 and per_minute >= 0):
            raise OptionError(f"poll and per_minute must be 0 or more, got {poll} and {per_minute}")
        key = _read_key(key_env, is_needed=parts.hostname not in ("localhost", "127.0.0.1", "::1"))
        self.batch = batch
        self._poll, self._patience = poll, patience
        self._fields = {"model": model, **({"size": size} if size else {}), **({"seconds": seconds} if seconds else {})}
        self._url = url.rstrip("/")
        self.service = Service(self._url, key, attempts, timeout, per_minute)
        self._jobs = cache_folder() / "jobs"
        self._texts = Texts.read(upsampled)
        self.fingerprint = {
            "service": parts.netloc,
            "text": self._texts.record,
            "seeds": "name draws, the service knows none",
        }

    def check_prompt(self, prompt: Prompt) -> None:
        """Check that there is a text for a prompt.

        Raises:
            InputError: The file of upsampled prompts lacks it.
        """
        self._texts.of(prompt)

    def generate(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> Iterator[Clip | NoClip]:
        """Yield one clip per (prompt, seed) pair, in order, or a `NoClip` if the service refuses or fails.

        Raises:
            InputError: Unequal numbers of prompts and seeds, or a prompt the file of upsampled ones lacks.
            BackendError: The key is not accepted, or the service does not answer sensibly.
            StoreError: The job ids cannot be stored.
        """
        if len(prompts) != len(seeds):
            raise InputError(f"expected a seed a prompt, got {len(prompts)} prompts and {len(seeds)} seeds")
        samples = list(zip(map(self._texts.of, prompts), seeds, strict=True))
        begun: deque[str | NoClip] = deque()
        for place, (text, seed) in enumerate(samples):
            while len(begun) < min(self.batch, len(samples) - place):
                begun.append(self._begin(*samples[place + len(begun)]))
            yield self._finish(begun.popleft(), text, seed)

    def _begin(self, text: str, seed: int) -> str | NoClip:
        """Return the id of a sample's job: that of an earlier run, or of a new one."""
        note = self._note(text, seed)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(note.read_text(encoding="utf-8"))["job"])
        try:
            job = self.service.submit({**self._fields, "prompt": text})
        except RefusedError as error:
            return NoClip(f"refused: {error}")
        except GoneError as error:
            raise BackendError(f"{error}: no video endpoint there, or no such model") from None
        _write(note, {"job": job, "service": self._url, **self._fields, "prompt": text, "seed": seed})
        return job

    def _finish(self, begun: str | NoClip, text: str, seed: int) -> Clip | NoClip:
        """Return the clip of a job when it is ready; submit a new job if the service no longer knows this one."""
        if isinstance(begun, NoClip):
            return begun
        try:
            return self._await(begun, text, seed)
        except GoneError:
            self._note(text, seed).unlink(missing_ok=True)
        again = self._begin(text, seed)
        try:
            return again if isinstance(again, NoClip) else self._await(again, text, seed)
        except GoneError as error:
            return NoClip(f"the service forgets its jobs: {error}")

    def _await(self, job: str, text: str, seed: int) -> Clip | NoClip:
        """Poll a job until it has ended, and return its clip.

        Raises:
            GoneError: The service knows no such job.
        """
        last = time.monotonic() + self._patience
        while True:
            try:
                answer = self.service.ask(job)
            except RefusedError as error:
                return NoClip(f"job {job}: {error}")
            status = answer["status"]
            if status == "completed":
                return self._download(job, text, seed)
            if status not in WAITING:
                self._note(text, seed).unlink(missing_ok=True)  # another run submits a new job
                return NoClip(f"job {job} {status}{_reason(answer)}")
            if time.monotonic() > last:
                return NoClip(f"job {job} is {status} after {self._patience:.0f} s; another run asks again")
            self.service.wait(self._poll)

    def _download(self, job: str, text: str, seed: int) -> Clip | NoClip:
        try:
            data = self.service.download(job)
        except RefusedError as error:
            return NoClip(f"job {job}: {error}")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "video.mp4"
            file.write_bytes(data)
            try:
                clip = read_clip(file)
            except VideoError:
                return NoClip(f"job {job}: expected a video, got {len(data)} bytes that begin with {data[:20]!r}")
        notes = {"seed": seed, "job": job, "frames": len(clip.frames), "fps": clip.fps}
        return Clip(clip.frames, clip.fps, text, {**notes, "sha256": hashlib.sha256(data).hexdigest()})

    def _note(self, text: str, seed: int) -> Path:
        """Return the path of the file that stores the id of a sample's job."""
        facts = json.dumps([self._url, self._fields, text, seed], sort_keys=True)
        return self._jobs / f"{hashlib.sha256(facts.encode()).hexdigest()}.json"


def _check_url(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or parts.username or parts.query or parts.fragment or not url.isascii() or not url.isprintable():
        raise OptionError("url must be https://HOST/PATH, without a user or a key in it; give it with the option url")
    return parts


def _read_key(variable: str, *, is_needed: bool) -> str:
    """Read the key from an environment variable; no message contains its value.

    Raises:
        OptionError: The variable is not set, or holds no valid key.
    """
    key = os.environ.get(variable, "").strip()
    if is_needed and not key:
        raise OptionError(f"no key: set the environment variable {variable}, or name another with the option key_env")
    if not key.isascii() or any(letter.isspace() or not letter.isprintable() for letter in key):
        raise OptionError(f"the environment variable {variable} holds no key: spaces or odd characters are in it")
    return key


def _reason(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    message = error.get("message") or error.get("code") if isinstance(error, dict) else error
    return f": {' '.join(str(message).split())[:200]}" if message else ""


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write a note completely or not at all.

    Raises:
        StoreError: The note cannot be written.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(value, indent=1), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise StoreError(f"{path}: the job's id cannot be kept ({error.strerror}); set DSRBENCH_CACHE") from None
