"""HTTP servers of tests, on this machine."""

from __future__ import annotations

import http.server
import threading
from typing import TypeVar

Self = TypeVar("Self", bound="LoopbackServer")


class AnsweringHandler(http.server.BaseHTTPRequestHandler):
    """Answers HEAD as GET: `answer` does both."""

    def do_HEAD(self) -> None:
        self.answer(head=True)

    def do_GET(self) -> None:
        self.answer()

    def answer(self, head: bool = False) -> None:
        raise NotImplementedError


class LoopbackServer(http.server.ThreadingHTTPServer):
    """A context that serves in a thread, at a port of its own."""

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self: Self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
