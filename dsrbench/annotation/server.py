"""The page of annotators over HTTP: `dsrbench annotate`.

`GET /` is the page, `GET /task` the next task, `POST /answer` and `POST /undo` return the task that is next afterwards,
`GET /videos/ID` is a video, with ranges. The annotator is the query `who`. Errors are one line of text.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import logging
import mimetypes
import re
import secrets
import socket
import socketserver
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from dsrbench import __version__
from dsrbench.annotation.answers import AnswerFile, check_name
from dsrbench.annotation.plan import Plan
from dsrbench.annotation.session import Session, StaleTaskError
from dsrbench.errors import DSRBenchError, InputError
from dsrbench.lines import parse_object
from dsrbench.store import LocalDisk

logger = logging.getLogger("dsrbench")

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Addresses that only this machine reaches, whose links have names in place of secrets."""

MAX_BODY = 16 << 10
"""Maximum size of the body of a request, in bytes."""

IDLE = 30.0
"""Maximum time between two parts of a request, in seconds."""

CHUNK = 1 << 18
"""Bytes of a video that are in memory at once."""

ASSETS = {
    "/": ("annotate.html", "text/html; charset=utf-8"),
    "/annotate.js": ("annotate.js", "text/javascript; charset=utf-8"),
    "/annotate.css": ("annotate.css", "text/css; charset=utf-8"),
}
"""Files of the page with their types, by path."""

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; img-src data:"

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class RefusedError(Exception):
    """A request that is not answered; `status` is the HTTP status."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class AnnotationServer(ThreadingHTTPServer):
    """Serves the page to annotators, until it is shut down.

    Args:
        plan: Clips and pairs that they are asked about.
        sessions: Session of each annotator, by the value of `who` in their link.
        host: Address to listen at.
        port: Port to listen at; 0 for any free one.

    Raises:
        InputError: The address cannot be listened at.
    """

    daemon_threads = True

    def __init__(self, plan: Plan, sessions: Mapping[str, Session], *, host: str = LOOPBACK[0], port: int = 0) -> None:
        self.videos = plan.videos()
        self.sessions = dict(sessions)
        self.is_local = host in LOOPBACK
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot listen at {host}:{port} ({reason}): give another --host or --port") from None
        self.host = host

    def server_bind(self) -> None:
        """Bind the socket, without a search for the name of this machine."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def links(self) -> list[tuple[Session, str]]:
        """Return each annotator's session with their link."""
        name = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host
        root = f"http://{f'[{name}]' if ':' in name else name}:{self.server_port}/"
        return [(session, f"{root}?who={quote(who, safe='')}") for who, session in self.sessions.items()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error of a connection, without the traceback on the screen."""
        logger.debug("a connection ended with an error", exc_info=True)


@contextlib.contextmanager
def open_server(
    plan: Plan, annotators: Sequence[str], out: Path, *, host: str = LOOPBACK[0], port: int = 0
) -> Iterator[AnnotationServer]:
    """Open a server whose answers go to a folder, which is held for this process alone; close it at the end.

    Args:
        plan: Clips and pairs that annotators are asked about.
        annotators: Names of the annotators.
        out: Folder of the answers.
        host: Address to listen at; on others than those of `LOOPBACK` each annotator has a secret link.
        port: Port to listen at; 0 for any free one.

    Raises:
        InputError: A name is no name of a file, or is there twice; or the address cannot be listened at.
        StoreError: The folder cannot be written, or another process holds it.
    """
    for name in annotators:
        check_name(name)
    names = [name.casefold() for name in annotators]
    if not names or len(set(names)) < len(names):
        raise InputError(f"expected annotators of different names, got {', '.join(annotators) or 'none'}")
    with LocalDisk(out).lock():
        files = [AnswerFile(out, name) for name in annotators]
        sessions = {
            file.annotator if host in LOOPBACK else secrets.token_urlsafe(16): Session(plan, file) for file in files
        }
        with AnnotationServer(plan, sessions, host=host, port=port) as server:
            yield server


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: AnnotationServer
    server_version = f"dsrbench/{__version__}"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = IDLE

    def do_GET(self) -> None:
        """Answer a request to read."""
        self._answer(self._get)

    def do_HEAD(self) -> None:
        """Answer as to a request to read, with the headers alone."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answer a request to write."""
        self._answer(self._post)

    def _answer(self, method: Any) -> None:
        try:
            self._check_host()
            method(urlsplit(self.path))
        except RefusedError as error:
            self._refuse(error.status, str(error), error.headers)
        except StaleTaskError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        except InputError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except DSRBenchError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except OSError:  # the browser has gone, or reads no longer
            self.close_connection = True
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST, "expected an address of this page")
        except Exception:
            logger.exception("a request failed")
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its terminal says why")

    def _get(self, url: Any) -> None:
        if url.path in ASSETS:
            name, kind = ASSETS[url.path]
            body = (importlib.resources.files("dsrbench.annotation") / "assets" / name).read_bytes()
            self._send(HTTPStatus.OK, body, kind)
        elif url.path == "/task":
            self._send_json(self._session(url).next())
        elif url.path.startswith("/videos/"):
            self._session(url)
            self._send_video(url.path.removeprefix("/videos/"))
        elif url.path in ("/answer", "/undo"):
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "expected POST", {"Allow": "POST"})
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such page")

    def _post(self, url: Any) -> None:
        if url.path in ASSETS or url.path == "/task" or url.path.startswith("/videos/"):
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET", {"Allow": "GET, HEAD"})
        if url.path not in ("/answer", "/undo"):
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such page")
        values = self._read_body()
        session = self._session(url)
        if url.path == "/undo":
            self._send_json(session.undo())
        else:
            task = values.get("task")
            if not isinstance(task, str):
                raise RefusedError(HTTPStatus.BAD_REQUEST, "expected the id of a task under 'task'")
            self._send_json(session.answer(task, values))

    def _check_host(self) -> None:
        """Refuse requests that a page of another site sends to this machine under a name of its own."""
        host = self.headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname if re.fullmatch(r"[\w.:\[\]-]*", host) else None
        if self.server.is_local and name not in LOOPBACK:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"expected the address {LOOPBACK[0]} or localhost")

    def _session(self, url: Any) -> Session:
        (who,) = parse_qs(url.query).get("who", [""])[:1]
        sessions = self.server.sessions
        if not who and self.server.is_local and len(sessions) == 1:
            return next(iter(sessions.values()))
        for known, session in sessions.items():
            if secrets.compare_digest(known.encode(), who.encode("utf-8", "surrogatepass")):
                return session
        raise RefusedError(HTTPStatus.FORBIDDEN, "expected the link of an annotator, as dsrbench annotate printed it")

    def _read_body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected a body with a Content-Length")
        if len(length) > 9 or int(length) > MAX_BODY:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a body of at most {MAX_BODY} bytes")
        if self.headers.get_content_type() != "application/json":
            # other sites cannot send this type
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body of type application/json")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body ended early")
        return parse_object(body)

    def _send_video(self, name: str) -> None:
        path = self.server.videos.get(name)
        if path is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such video")
        try:
            file = path.open("rb")
        except OSError:
            raise RefusedError(HTTPStatus.NOT_FOUND, "this video is no longer on the disk") from None
        with file:
            size = file.seek(0, 2)
            part = parse_range(self.headers.get("Range", ""), size)
            start, end = part or (0, size)
            headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, max-age=3600"}
            if part is not None:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
            self._send_head(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT, end - start, kind, headers)
            file.seek(start)
            while start < end and self.command != "HEAD":
                data = file.read(min(CHUNK, end - start))
                if not data:  # the file became shorter
                    self.close_connection = True
                    return
                self.wfile.write(data)
                start += len(data)

    def _send_json(self, value: Mapping[str, Any]) -> None:
        self._send(HTTPStatus.OK, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self._send_head(status, len(body), kind, {"Cache-Control": "no-store", **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_head(self, status: int, length: int, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        fixed = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
        fixed |= {"X-Content-Type-Options": "nosniff", "Content-Type": kind, "Content-Length": str(length)}
        for name, value in {**fixed, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _refuse(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.close_connection = True  # a body that was not read is not the next request
        line = f"{' '.join(message.split())}\n"
        with contextlib.suppress(OSError):
            more = {"Connection": "close", **(headers or {})}
            self._send(status, line.encode("utf-8", "replace"), "text/plain; charset=utf-8", more)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is no HTTP, or that has another method, in one line."""
        self._refuse(code, message or HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal; links have secrets."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and end of the part of a file that a request is for; None for the whole file.

    Several parts, and what is no range of bytes, give the whole file, as RFC 9110 allows.

    Raises:
        RefusedError: The part lies behind the end of the file.

    >>> parse_range("bytes=2-5", 10), parse_range("bytes=-3", 10), parse_range("bytes=4-99", 10), parse_range("", 10)
    ((2, 6), (7, 10), (4, 10), None)
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= size:
        raise RefusedError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the video has {size} bytes",
            {"Content-Range": f"bytes */{size}"},
        )
    return start, end
