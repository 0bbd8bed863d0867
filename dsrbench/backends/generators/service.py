"""A video service over HTTP: submit, ask, download; patient with busy servers, and silent about the key."""

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

LONGEST_WAIT = 60.0
"""Seconds between two attempts at most, where the server does not say."""

LONGEST_ANSWER = 1 << 30
"""Bytes of an answer at most."""


class GoneError(Exception):
    """The server knows no such job (404, 410)."""


class RefusedError(Exception):
    """The server will not do this one thing: the request is at fault, not the server or the key."""


@dataclasses.dataclass
class Service:
    """A video endpoint in the style of OpenAI's: POST /videos, GET /videos/ID, GET /videos/ID/content.

    Attributes:
        url: Base address, such as `https://api.example.com/v1`.
        key: Sent as a bearer token, and only to that host; empty for none.
        attempts: Times a request is made before the server is given up on.
        timeout: Seconds the server may be silent.
        per_minute: Requests a minute at most; 0 for no limit.
        wait: What sleeps; tests replace it.
    """

    url: str
    key: str = dataclasses.field(repr=False, default="")
    attempts: int = 6
    timeout: float = 60.0
    per_minute: float = 0.0
    wait: Callable[[float], None] = dataclasses.field(repr=False, default=time.sleep)
    _next: float = dataclasses.field(repr=False, default=0.0)

    def submit(self, fields: Mapping[str, str]) -> str:
        """Ask for a video; its job's id. A repeated attempt has the same idempotency key, so as not to pay twice.

        Raises:
            RefusedError: The request is refused.
            BackendError: The key is, or the server does not answer sensibly.
        """
        once = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        return str(self._json("POST", "/videos", json.dumps(dict(fields)).encode(), once, "id")["id"])

    def ask(self, job: str) -> dict[str, Any]:
        """What the server says of a job: at least its `status`.

        Raises:
            GoneError: It knows no such job.
            BackendError: The key is refused, or the server does not answer sensibly.
        """
        return self._json("GET", f"/videos/{urllib.parse.quote(job, safe='')}", None, {}, "status")

    def download(self, job: str) -> bytes:
        """The video of a completed job.

        Raises:
            GoneError: It is there no more.
            BackendError: The key is refused, or the server does not answer sensibly.
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
                self.wait(pause if pause is not None else min(LONGEST_WAIT, 2.0**attempt))
        raise BackendError(
            f"{self.url}{path}: gave up after {self.attempts} attempts ({_plain(why)}); what was submitted is kept, "
            f"the same command goes on from there"
        )

    def _explain(self, error: urllib.error.HTTPError, path: str) -> str:
        """What an error means, where another attempt may help; other errors are raised."""
        said = _message(error)
        error.close()
        where = f"{self.url}{path}: HTTP {error.code}"
        if error.code in (401, 403):
            raise BackendError(f"{where}, the key is not accepted ({said}); see the option key_env") from None
        if error.code in (404, 410):
            raise GoneError(f"{where} ({said})") from None
        if error.code in (408, 409, 425, 429) or error.code >= 500:
            return f"HTTP {error.code}: {said}"
        if error.code < 400:
            raise BackendError(f"{where}: a redirect, which is not followed so that the key stays here") from None
        raise RefusedError(f"HTTP {error.code}: {said}") from None

    def _keep_pace(self) -> None:
        """Wait until the rate allows another request."""
        if self.per_minute > 0:
            now = time.monotonic()
            if now < self._next:
                self.wait(self._next - now)
            self._next = max(now, self._next) + 60.0 / self.per_minute

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        own = {"User-Agent": "dsrbench", **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        request = urllib.request.Request(self.url + path, data=body, headers={**own, **headers}, method=method)
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as answer:
            data: bytes = answer.read(LONGEST_ANSWER + 1)
            length = answer.headers.get("Content-Length")
        if len(data) > LONGEST_ANSWER:
            raise BackendError(f"{self.url}{path}: the answer is longer than {LONGEST_ANSWER >> 20} MiB")
        if length is not None and length.isdigit() and len(data) < int(length):
            raise ConnectionError(f"connection closed at {len(data)} of {length} bytes")
        return data


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects become errors."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _retry_after(headers: Any) -> float | None:
    """Seconds the server asks to wait, as a number or a date; at most ten minutes."""
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
    """What the server says of an error: the message in its JSON, or the beginning of its text."""
    try:
        text = error.read(4096).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return str(error.reason)
    try:
        said = json.loads(text)["error"]
        return _plain(str(said["message"] if isinstance(said, dict) else said))
    except (ValueError, KeyError, TypeError):
        return _plain(text) or str(error.reason)


def _plain(text: str) -> str:
    return " ".join(text.split())[:200]
