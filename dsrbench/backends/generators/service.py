"""Client of a video service over HTTP: submit a job, ask for its state, download its video.

Failed requests are tried again, and no message contains the key.
"""

from __future__ import annotations

import dataclasses
import email.utils
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from dsrbench.errors import BackendError

MAX_WAIT = 60.0
"""Maximum seconds between two attempts, unless the server names a time."""

MAX_ANSWER_BYTES = 1 << 30
"""Maximum size of an answer, bytes."""


class GoneError(Exception):
    """The server knows no such job (404, 410)."""


class RefusedError(Exception):
    """The server refuses this request; the server works and accepts the key."""


@dataclasses.dataclass
class Service:
    """A video endpoint in the style of OpenAI's: POST /videos, GET /videos/ID, GET /videos/ID/content.

    Attributes:
        url: Base address, such as `https://api.example.com/v1`.
        key: Key sent as a bearer token, only to that host; empty for none.
        attempts: Maximum number of attempts of a request.
        timeout: Maximum silence of the server, seconds.
        per_minute: Maximum number of requests per minute; 0 for no limit.
        wait: Function that sleeps for a number of seconds; tests replace it.
    """

    url: str
    key: str = dataclasses.field(repr=False, default="")
    attempts: int = 6
    timeout: float = 60.0
    per_minute: float = 0.0
    wait: Callable[[float], None] = dataclasses.field(repr=False, default=time.sleep)
    _next: float = dataclasses.field(repr=False, default=0.0)

    def submit(self, fields: Mapping[str, str]) -> str:
        """Request a video and return its job id; all attempts share one idempotency key, so that it is paid for once.

        Raises:
            RefusedError: The request is refused.
            BackendError: The key is refused, or the server's answer is not valid.
        """
        once = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        return str(self._json("POST", "/videos", json.dumps(dict(fields)).encode(), once, "id")["id"])

    def ask(self, job: str) -> dict[str, Any]:
        """Return the server's description of a job, with at least its `status`.

        Raises:
            GoneError: The server knows no such job.
            BackendError: The key is refused, or the server's answer is not valid.
        """
        return self._json("GET", f"/videos/{urllib.parse.quote(job, safe='')}", None, {}, "status")

    def download(self, job: str) -> bytes:
        """Download the video of a completed job.

        Raises:
            GoneError: The server no longer has it.
            BackendError: The key is refused, or the server's answer is not valid.
        """
        return self._request("GET", f"/videos/{urllib.parse.quote(job, safe='')}/content", None, {})

    def _json(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], key: str) -> dict[str, Any]:
        answer = self._request(method, path, body, headers)
        try:
            value = json.loads(answer)
            if isinstance(value, dict) and isinstance(value.get(key), str) and value[key]:
                return value
        except ValueError:
            pass
        start = answer[:60].decode("utf-8", "replace")
        raise BackendError(f"{self.url}{path}: expected JSON with {key!r}, got {start!r}; is this a video endpoint?")

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        why = ""
        for attempt in range(self.attempts):
            self._keep_pace()
            try:
                return self._send(method, path, body, headers)
            except urllib.error.HTTPError as error:
                why = self._explain(error, path)
                pause = _retry_after(error.headers)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", None) or error
                why, pause = f"{type(reason).__name__}: {reason}", None
            if attempt < self.attempts - 1:
                self.wait(pause if pause is not None else min(MAX_WAIT, 2.0**attempt))
        raise BackendError(
            f"{self.url}{path}: gave up after {self.attempts} attempts ({_plain(why)}); what was submitted is kept, "
            f"the same command goes on from there"
        )

    def _explain(self, error: urllib.error.HTTPError, path: str) -> str:
        """Describe an error that another attempt may resolve; raise all other errors."""
        message = _message(error)
        error.close()
        where = f"{self.url}{path}: HTTP {error.code}"
        if error.code in (401, 403):
            raise BackendError(f"{where}, the key is not accepted ({message}); see the option key_env") from None
        if error.code in (404, 410):
            raise GoneError(f"{where} ({message})") from None
        if error.code in (408, 409, 425, 429) or error.code >= 500:
            return f"HTTP {error.code}: {message}"
        if error.code < 400:
            raise BackendError(f"{where}: a redirect, which is not followed so that the key stays here") from None
        raise RefusedError(f"HTTP {error.code}: {message}") from None

    def _keep_pace(self) -> None:
        """Wait until the rate limit allows another request."""
        if self.per_minute > 0:
            now = time.monotonic()
            if now < self._next:
                self.wait(self._next - now)
            self._next = max(now, self._next) + 60.0 / self.per_minute

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        own = {"User-Agent": "dsrbench", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self.url + path, data=body, headers={**own, **headers}, method=method)
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as answer:
            data: bytes = answer.read(MAX_ANSWER_BYTES + 1)
            length = answer.headers.get("Content-Length")
        if len(data) > MAX_ANSWER_BYTES:
            raise BackendError(f"{self.url}{path}: the answer is longer than {MAX_ANSWER_BYTES >> 20} MiB")
        if length is not None and length.isdigit() and len(data) < int(length):
            raise ConnectionError(f"connection closed at {len(data)} of {length} bytes")
        return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Handler that turns redirects into errors."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _retry_after(headers: Any) -> float | None:
    """Return the seconds that the server asks to wait, as a number or a date; at most ten minutes."""
    text = (headers.get("Retry-After") or "").strip() if headers is not None else ""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(600.0, max(0.0, seconds)) if seconds == seconds else None


def _message(error: urllib.error.HTTPError) -> str:
    """Return the server's error message: the one in its JSON, or the beginning of its text."""
    try:
        text = error.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return str(error.reason)
    try:
        error_field = json.loads(text)["error"]
        return _plain(str(error_field["message"] if isinstance(error_field, dict) else error_field))
    except (ValueError, KeyError, TypeError):
        return _plain(text) or str(error.reason)


def _plain(text: str) -> str:
    return " ".join(text.split())[:200]
