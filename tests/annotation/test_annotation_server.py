"""The routes of the page: what is shown, what is not, and what is refused."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from urllib.parse import quote, urlsplit

import pytest
from factories.annotation import serving, small_plan

from dsrbench.analysis.labels import read_labels
from dsrbench.annotation.answers import AnswerFile
from dsrbench.annotation.server import MAX_BODY
from dsrbench.errors import InputError, RunLockedError

CLIP = {"start": "left", "end": "right", "present": "both"}


def ask(server, path, *, method="GET", body=None, headers=None, host="127.0.0.1"):
    """One request; status, headers and body of the answer."""
    connection = http.client.HTTPConnection(host, server.server_port, timeout=20)
    kind = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    connection.request(method, path, data, {**kind, **(headers or {})})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.headers, text


def post(server, path, body):
    status, _, text = ask(server, path, method="POST", body=body)
    return status, json.loads(text) if status == 200 else text.decode()


@pytest.fixture
def plan(tmp_path):
    return small_plan(tmp_path, 3)


@pytest.fixture
def server(plan, tmp_path):
    with serving(plan, tmp_path / "labels") as server:
        yield server


def test_the_page_and_its_files(server):
    status, headers, page = ask(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    for name in re.findall(rb'(?:src|href)="(/[^"]+)"', page):
        status, _, text = ask(server, name.decode())
        assert (status, bool(text)) == (200, True)
    assert b"http" not in page.replace(b"<!doctype html>", b"")
    head = ask(server, "/", method="HEAD")
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, str(len(page)), b"")


def test_a_whole_session_shows_nothing_of_the_samples(server, plan, tmp_path):
    _, _, text = ask(server, "/task")
    seen, task = [text], json.loads(text)
    n = 0
    while task["kind"] != "end":
        for video in task["videos"]:
            status, headers, data = ask(server, f"/videos/{video}")
            assert (status, len(data) % 256, headers["Content-Type"]) == (200, 0, "video/mp4")
            seen.append(str(headers).encode())
        if task["kind"] == "clip":
            assert (task["subject"], task["object"]) == ("the cat", "the box")
            assert "prompt" not in task
            assert [len(question["choices"]) for question in task["questions"]] == [8, 8, 5]
            assert task["questions"][0]["choices"][0] == {"value": "left", "text": "left of the box"}
        else:
            assert task["prompt"] == "text of 1000_LR"
        answer = {"better": "second"} if task["kind"] == "pair" else CLIP
        status, _, text = ask(server, "/answer", method="POST", body={"task": task["task"], **answer})
        seen.append(text)
        task, n = json.loads(text), n + 1
        assert (status, task["done"], task["total"], task["can_undo"]) == (200, n, 4, True)
    shown = b" ".join(seen).decode().replace("text of 1000_LR", "")
    for secret in ("secret-model", "400", "score", "seed", "x.mp4", "video 0", "1000_LR", str(tmp_path)):
        assert secret not in shown
    labels = read_labels(tmp_path / "labels")
    assert (len(labels.clips), [label.better for label in labels.pairs]) == (3, ["second"])


def test_undo(server):
    first = json.loads(ask(server, "/task")[2])
    assert post(server, "/undo", {})[0] == 409
    post(server, "/answer", {"task": first["task"], **CLIP})
    assert post(server, "/undo", {}) == (200, first)


def test_what_is_refused(server, plan):
    task = json.loads(ask(server, "/task")[2])["task"]
    answer = {"task": task, **CLIP}
    cases = [
        ("GET", "/nothing", None, {}, 404),
        ("GET", "/../setup.cfg", None, {}, 404),
        ("GET", "/videos/", None, {}, 404),
        ("GET", "/videos/..%2f..%2fetc%2fpasswd", None, {}, 404),
        ("GET", f"/videos/{quote(str(plan.clips[0].path), safe='')}", None, {}, 404),
        ("GET", "/answer", None, {}, 405),
        ("POST", "/task", answer, {}, 405),
        ("PUT", "/answer", answer, {}, 501),
        ("OPTIONS", "/answer", None, {}, 501),
        ("GET", "/task?who=ben", None, {}, 403),
        ("GET", f"/videos/{next(iter(plan.videos()))}?who=ben", None, {}, 403),
        ("GET", "/task", None, {"Host": "evil.example"}, 403),
        ("POST", "/answer", answer, {"Host": "evil.example:80"}, 403),
        ("POST", "/answer", answer, {"Content-Type": "text/plain"}, 415),
        ("POST", "/answer", b"{", {}, 400),
        ("POST", "/answer", b"[1]", {}, 400),
        ("POST", "/answer", b"[" * 9000, {}, 400),
        ("POST", "/answer", b"\xff\xfe", {}, 400),
        ("POST", "/answer", {"start": "left"}, {}, 400),
        ("POST", "/answer", {"task": 3, **CLIP}, {}, 400),
        ("POST", "/answer", {**answer, "start": "up"}, {}, 400),
        ("POST", "/answer", {**answer, "start": "x" * 4000}, {}, 400),
        ("POST", "/answer", {"task": "other", **CLIP}, {}, 409),
        ("POST", "/answer", b" " * (MAX_BODY + 1), {}, 413),
        ("POST", "/answer", b"", {"Content-Length": "9" * 400}, 413),
        ("POST", "/answer", b"", {"Content-Length": "-1"}, 411),
        ("POST", "/answer", iter([b"{}"]), {"Transfer-Encoding": "chunked"}, 411),
    ]
    for method, path, body, headers, code in cases:
        status, answered, text = ask(server, path, method=method, body=body, headers=headers)
        assert status == code, (method, path, text)
        assert text.count(b"\n") == 1, text
        assert len(text) < 300, text
        assert answered["Content-Type"] == "text/plain; charset=utf-8"
    assert json.loads(ask(server, "/task")[2])["done"] == 0


def test_what_is_no_http_gets_one_line_too(server):
    for request in (b"hello\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET //[ HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
            connection.sendall(request)
            answer = b""
            while part := connection.recv(4096):
                answer += part
        assert b"Traceback" not in answer
        assert b"<html" not in answer
    assert ask(server, "/task")[0] == 200


RANGES = [
    ("bytes=0-0", 206, (0, 1)),
    ("bytes=10-19", 206, (10, 20)),
    ("bytes=500-", 206, (500, 512)),
    ("bytes=500-9999", 206, (500, 512)),
    ("bytes=-12", 206, (500, 512)),
    ("bytes=-9999", 206, (0, 512)),
    ("bytes=0-1,4-5", 200, (0, 512)),
    ("bytes=5-4", 200, (0, 512)),
    ("bytes=-", 200, (0, 512)),
    ("lines=1-2", 200, (0, 512)),
    ("bytes=512-", 416, None),
    ("bytes=-0", 416, None),
]


@pytest.mark.parametrize(("header", "code", "part"), RANGES, ids=[header for header, _, _ in RANGES])
def test_ranges(server, plan, header, code, part):
    path = f"/videos/{plan.video_id(plan.clips[1])}"
    status, headers, data = ask(server, path, headers={"Range": header})
    assert status == code
    if part is None:
        assert headers["Content-Range"] == "bytes */512"
        return
    start, end = part
    assert data == plan.clips[1].path.read_bytes()[start:end]
    assert headers["Content-Length"] == str(end - start)
    assert headers["Content-Range"] == (f"bytes {start}-{end - 1}/512" if code == 206 else None)
    head = ask(server, path, headers={"Range": header}, method="HEAD")
    assert (head[0], head[1]["Content-Length"], head[2]) == (code, str(end - start), b"")


def test_a_video_that_was_removed(server, plan):
    plan.clips[0].path.unlink()
    status, _, text = ask(server, f"/videos/{plan.video_id(plan.clips[0])}")
    assert (status, text) == (404, b"this video is no longer on the disk\n")


def test_annotators_have_links_of_their_own(plan, tmp_path):
    with serving(plan, tmp_path / "labels", "ada", "Ben C.") as server:
        assert [link.partition("?")[2] for _, link in server.links()] == ["who=ada", "who=Ben%20C."]
        assert ask(server, "/task")[0] == 403
        tasks = [json.loads(ask(server, f"/task?{urlsplit(link).query}")[2]) for _, link in server.links()]
        assert tasks[0]["task"] != tasks[1]["task"]
        post(server, "/answer?who=Ben%20C.", {"task": tasks[1]["task"], **CLIP})
        assert json.loads(ask(server, "/task?who=ada")[2])["done"] == 0
    assert read_labels(tmp_path / "labels").annotators == ["Ben C."]


def test_other_machines_need_a_secret_link(plan, tmp_path):
    with serving(plan, tmp_path / "labels", "ada", "ben", host="0.0.0.0") as server:
        links = [link for _, link in server.links()]
        assert all(re.fullmatch(rf"http://.+:{server.server_port}/\?who=[\w-]{{22}}", link) for link in links)
        assert len(set(links)) == 2
        for query in ("", "?who=", "?who=ada", "?who=%ff", "?who"):
            assert ask(server, f"/task{query}")[0] == 403
        host = {"Host": "lab-machine:80"}
        assert ask(server, f"/task?{urlsplit(links[0]).query}", headers=host)[0] == 200
    with serving(plan, tmp_path / "labels", "ada", host="0.0.0.0") as server:
        assert ask(server, f"/task?{urlsplit(links[0]).query}")[0] == 403
        assert ask(server, "/task")[0] == 403


def test_many_at_once_keep_every_answer(tmp_path):
    plan = small_plan(tmp_path, 40, n_pairs=0)
    names = ["ada", "ben", "cy"]
    with serving(plan, tmp_path / "labels", *names) as server:

        def work(name):
            task = json.loads(ask(server, f"/task?who={name}")[2])
            while task["kind"] != "end":
                status, after = post(server, f"/answer?who={name}", {"task": task["task"], **CLIP})
                task = after if status == 200 else json.loads(ask(server, f"/task?who={name}")[2])

        threads = [threading.Thread(target=work, args=(name,)) for name in names * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    labels = read_labels(tmp_path / "labels")
    assert len(labels.clips) == len({(label.annotator, label.sample) for label in labels.clips}) == 120


def test_a_body_that_ends_early_is_no_answer(server):
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        head = (
            "POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}"
        )
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(4096).splitlines()[0]


def test_a_folder_is_held_by_one_server(plan, tmp_path):
    with (
        serving(plan, tmp_path / "labels"),
        pytest.raises(RunLockedError, match="another process works on"),
        serving(plan, tmp_path / "labels", "ben"),
    ):
        pass


@pytest.mark.parametrize("names", [("ada", "ada"), ("ada", "Ada"), ("../ada",), ("ada", "")])
def test_bad_names(plan, tmp_path, names):
    with pytest.raises(InputError, match="expected"), serving(plan, tmp_path / "labels", *names):
        pass
    assert not (tmp_path / "labels").exists()


def test_a_port_that_is_taken(server, plan, tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot listen at 127\.0\.0\.1:"),
        serving(plan, tmp_path / "other", port=server.server_port),
    ):
        pass


def test_a_full_disk_is_told(server, monkeypatch):
    from dsrbench.errors import StoreError

    def fail(self, row):
        raise StoreError("disk full while writing labels/ada.jsonl")

    task = json.loads(ask(server, "/task")[2])["task"]
    with monkeypatch.context() as patch:
        patch.setattr(AnswerFile, "append", fail)
        assert post(server, "/answer", {"task": task, **CLIP}) == (500, "disk full while writing labels/ada.jsonl\n")
    assert post(server, "/answer", {"task": task, **CLIP})[0] == 200


def test_an_error_nobody_expected_is_told(server, monkeypatch, caplog):
    from dsrbench.annotation.session import Session

    monkeypatch.setattr(Session, "next", lambda self: 1 / 0)
    status, _, text = ask(server, "/task")
    assert (status, text) == (500, b"the server failed; its terminal says why\n")
    assert "ZeroDivisionError" in caplog.text
