"""What a request may bring, and how slowly: who sends too much, or a byte now and then, is cut off, and nothing stays.

gradio bounds a single file, and takes away what it wrote of a request that is malformed. For one that just stops it
would wait without end, and keep the half of it: here that is a malformed one too. Files under another name than it asks
for it forgets: those are taken away later.
"""

from __future__ import annotations

import atexit
import contextlib
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
from starlette.responses import PlainTextResponse

from dsrbench.submission import boxes, entry

Message = MutableMapping[str, Any]

MOST_BYTES = boxes.MOST_BYTES + entry.MOST_BYTES + 2**16
"""Of an upload: both files of an entry, and what stands between them."""

MOST_OTHERS = 2**20
"""Of the body of any other request."""

PATIENCE = 20.0
"""Seconds a request may be silent, and seconds it may take in all, beside those its bytes earn it."""

SLOWEST = 16 * 2**10
"""Bytes that earn a second."""

RESERVE = 2**30
"""Bytes of the disk that no upload touches."""

KEPT = 3600.0
"""Seconds for which a file that gradio forgot stays."""


class RefusedError(MultiPartException):
    """A body that is read no further; gradio takes away what it wrote of one, and tells the reason."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class BoundedBodies:
    """Bounds the body of every request.

    Args:
        app: The application, after ASGI.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As ASGI has it."""
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
        is_begun = False

        async def send_on(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                if body.refused:
                    closing = (b"connection", b"close")
                    message = {**message, "status": body.refused.status, "headers": [*message["headers"], closing]}
            await send(message)

        try:
            await self._app(scope, body.receive, send_on)
        except RefusedError as error:
            if not is_begun:
                await PlainTextResponse(f"{error.message}\n")(scope, receive, send_on)


def own_uploads() -> None:
    """Have uploads kept in a folder of this process, gone at its end, unless `GRADIO_TEMP_DIR` names another."""
    if not os.environ.get("GRADIO_TEMP_DIR"):
        folder = os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="dsrbench-uploads-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def remove_forgotten(folder: Path) -> None:
    """Take away the files in a folder that nobody wrote to for `KEPT` seconds; those that gradio keeps lie deeper."""
    for path in folder.glob("tmp*"):
        with contextlib.suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > KEPT:
                path.unlink()


class _Body:
    """The body of a request, as it comes in."""

    def __init__(self, receive: Callable[[], Awaitable[Message]], *, is_upload: bool) -> None:
        self._receive, self._is_upload = receive, is_upload
        self._most = MOST_BYTES if is_upload else MOST_OTHERS
        self._begun, self._size, self._is_whole = time.monotonic(), 0, False
        self.refused: RefusedError | None = None

    async def receive(self) -> Message:
        """The next part of it; raises `RefusedError`."""
        if self._is_whole:
            return await self._receive()
        try:
            return self._check(await self._wait())
        except RefusedError as error:
            self.refused = error
            raise

    async def _wait(self) -> Message:
        left = PATIENCE + self._size / SLOWEST - (time.monotonic() - self._begun)
        message: Message = {}
        with anyio.move_on_after(min(PATIENCE, left)):
            message = await self._receive()
        return message if left > 0 else {}

    def _check(self, message: Message) -> Message:
        if not message:
            raise RefusedError("the request came too slowly; try again", 408)
        if message["type"] == "http.disconnect":
            raise RefusedError("the connection was closed half-way", 400)
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._most:
            raise RefusedError(f"larger than the {self._most:,} bytes a request may have", 413)
        if self._is_upload and shutil.disk_usage(get_upload_folder()).free < RESERVE:
            raise RefusedError("the server has no room for uploads now; try again later", 507)
        return message
