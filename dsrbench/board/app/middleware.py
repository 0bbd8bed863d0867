"""Middleware of the application: bounds on size and time of request bodies, and answers to failed logins.

gradio limits the size of a single file and removes what it wrote of a malformed request. It waits without end for a
request that stops half-way and keeps its part; here such a request counts as malformed. Files uploaded under another
field name are lost to gradio; they are removed after an hour.

The login at the Hub is gradio's own and works in a Space alone; `check_login` tests for one.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio
from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import HTMLResponse, PlainTextResponse

from dsrbench.errors import InputError, MissingExtraError, first_line
from dsrbench.submission import boxes, entry

LOG = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
"""A message of ASGI."""

MAX_UPLOAD = boxes.MAX_BYTES + entry.MAX_BYTES + 2**16
"""Maximum size of an upload, in bytes: both files of an entry, and the separators of the multipart body."""

MAX_BODY = 2**20
"""Maximum size of the body of any other request, in bytes."""

TIMEOUT = 20.0
"""Maximum time between two parts of a body, and for the whole body beside `MIN_RATE`, in seconds."""

MIN_RATE = 16 * 2**10
"""Bytes for which a body gets one second more, that is the minimum rate of a long body in bytes per second."""

MIN_FREE = 2**30
"""Minimum free space on the disk during an upload, in bytes."""

MAX_AGE = 3600.0
"""Age at which an uploaded file that gradio does not know is removed, in seconds."""

VARIABLES = ("SPACE_ID", "SPACE_HOST", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
"""Environment variables of a Space with `hf_oauth: true`, beside `SYSTEM=spaces`; the secret signs login cookies."""

LOGIN_PATHS = ("/login/huggingface", "/login/callback")
"""Paths that gradio serves the login at."""


class RefusedError(MultiPartException):
    """A body that is read no further; gradio removes what it wrote of it and answers with the message."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BoundedBodies:
    """Bounds size and time of the body of every request.

    Args:
        app: An ASGI application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one connection of ASGI."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        is_upload = headers.get("content-type", "").strip().lower().startswith("multipart/")
        if is_upload and not scope["path"].endswith("/upload"):
            await PlainTextResponse("no files are taken here\n", 404)(scope, receive, send)
            return
        if is_upload:
            remove_forgotten(Path(get_upload_folder()))
        body = _Body(receive, is_upload=is_upload)
        has_started = False

        async def send_on(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                if body.refused:
                    closing = (b"connection", b"close")
                    message = {**message, "status": body.refused.status, "headers": [*message["headers"], closing]}
            await send(message)

        try:
            await self._app(scope, body.receive, send_on)
        except RefusedError as error:
            if not has_started:
                await PlainTextResponse(f"{error.message}\n")(scope, receive, send_on)


def own_uploads() -> None:
    """Let gradio keep uploads in a folder that is removed when the process ends, unless `GRADIO_TEMP_DIR` is set."""
    if not os.environ.get("GRADIO_TEMP_DIR"):
        folder = os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="dsrbench-uploads-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def remove_forgotten(folder: Path) -> None:
    """Remove temporary files in a folder that are older than `MAX_AGE`; gradio keeps its own in subfolders."""
    for path in folder.glob("tmp*"):
        with contextlib.suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > MAX_AGE:
                path.unlink()


class _Body:
    """The body of one request, received in parts."""

    def __init__(self, receive: Callable[[], Awaitable[Message]], *, is_upload: bool) -> None:
        self._receive, self._is_upload = receive, is_upload
        self._limit = MAX_UPLOAD if is_upload else MAX_BODY
        self._start, self._size, self._is_whole = time.monotonic(), 0, False
        self.refused: RefusedError | None = None

    async def receive(self) -> Message:
        """Return the next message of the connection; raise `RefusedError` where the body is refused."""
        if self._is_whole:
            return await self._receive()
        try:
            return self._check(await self._wait())
        except RefusedError as error:
            self.refused = error
            raise

    async def _wait(self) -> Message:
        left = TIMEOUT + self._size / MIN_RATE - (time.monotonic() - self._start)
        message: Message = {}
        with anyio.move_on_after(min(TIMEOUT, left)):
            message = await self._receive()
        return message if left > 0 else {}

    def _check(self, message: Message) -> Message:
        if not message:
            raise RefusedError("the request came too slowly; try again", 408)
        if message["type"] == "http.disconnect":
            raise RefusedError("the connection was closed half-way", 400)
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._limit:
            raise RefusedError(f"larger than the {self._limit:,} bytes a request may have", 413)
        if self._is_upload and shutil.disk_usage(get_upload_folder()).free < MIN_FREE:
            raise RefusedError("the server has no room for uploads now; try again later", 507)
        return message


def check_login() -> None:
    """Check that the Hub's login works here; without it gradio logs everybody in with the token of this machine.

    Raises:
        InputError: This is no Space, or one without `hf_oauth: true`.
        MissingExtraError: A package that the login needs is not installed.
    """
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if os.environ.get("SYSTEM") != "spaces" or missing:
        raise InputError(
            "a board with the Hub's login runs in a Space with hf_oauth: true in its README.md, which sets "
            f"{', '.join(missing) or 'SYSTEM=spaces'}; elsewhere serve it with: dsrbench leaderboard BOARD"
        )
    try:
        import authlib  # noqa: F401
        import itsdangerous  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the Hub's login", error.name or "authlib", "board") from None


class LoginErrors:
    """Answers in one line where a login fails: the Hub does not respond, or the Hub or the person refuses.

    Args:
        app: An ASGI application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one connection of ASGI."""
        if scope["type"] != "http" or scope["path"] not in LOGIN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # errors of HTTP, JSON and signatures, of four libraries
            LOG.warning("a login failed: %s: %.200r", type(error).__name__, first_line(error))
            await _answer(error)(scope, receive, send)


def _answer(error: Exception) -> HTMLResponse:
    """Return the page for a failure, without the message of the other side: anybody can forge one in an address."""
    from authlib.integrations.base_client.errors import OAuthError

    if isinstance(error, OAuthError):
        message, status = "You are not logged in: the login was refused.", 403
    else:
        message, status = "You are not logged in: the login service does not answer as it should. Try again later.", 502
    return HTMLResponse(f'<p role="alert">{message}</p><p><a href="/?tab=submit">Back to the board</a></p>', status)
