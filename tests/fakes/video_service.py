"""A video endpoint on this machine that can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading

from fakes.loopback import LoopbackServer


class Server(LoopbackServer):
    """Makes every job after `rounds` questions; `plan` has the (status, body, headers) of requests that go wrong.

    Attributes:
        plan: For a kind of request (`submit`, `ask`, `download`), what to answer first; `drop` closes the connection.
        submitted: The fields of every job that was paid for.
        log: Every request's kind, in order, with its headers.
    """

    def __init__(self, video):
        super().__init__(Handler)
        self.video, self.rounds, self.status, self.lock = video, 1, "completed", threading.Lock()
        self.plan, self.submitted, self.asked, self.log = {}, {}, {}, []

    @property
    def url(self):
        return super().url + "/v1"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        fields = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            if self.path != "/v1/videos":
                return self.send(404, b"{}")
            if self.go_wrong("submit"):
                return None
            job = f"video_{len(self.server.submitted)}"
            self.server.submitted[job] = json.loads(fields)
            return self.send(200, json.dumps({"id": job, "object": "video", "status": "queued"}).encode())

    def do_GET(self):
        *_, job, last = f"/{self.path}".split("/")
        kind, job = ("download", job) if last == "content" else ("ask", last)
        with self.server.lock:
            if self.go_wrong(kind):
                return None
            if job not in self.server.submitted:
                return self.send(404, b'{"error": {"message": "no such video"}}')
            if kind == "download":
                return self.send(200, self.server.video, {"Content-Type": "video/mp4"})
            rounds = self.server.asked[job] = self.server.asked.get(job, 0) + 1
            status = self.server.status if rounds > self.server.rounds else "in_progress"
            answer = {"id": job, "status": status, "progress": 50}
            if status == "failed":
                answer["error"] = {"code": "moderation_blocked", "message": "the prompt was\nblocked"}
            return self.send(200, json.dumps(answer).encode())

    def go_wrong(self, kind):
        """Do what the plan has for this request, if anything."""
        self.server.log.append((kind, dict(self.headers)))
        steps = self.server.plan.get(kind) or []
        if not steps:
            return False
        step = steps.pop(0)
        if step == "drop":
            self.close_connection = True
            self.connection.close()
        elif step == "short":
            self.send(200, b"half", {"Content-Length": "1000"})
            self.close_connection = True
        else:
            self.send(*step)
        return True

    def send(self, status, body, headers=None):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass
