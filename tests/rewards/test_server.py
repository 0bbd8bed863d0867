"""A reward over HTTP: the rewards of this process, tokens, limits, and requests that are none."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from factories.rendered import render_pair

from dsrbench.errors import BackendError, InputError
from dsrbench.rewards import DSRReward, Guard, RewardClient
from dsrbench.rewards.adapters import for_flow_grpo
from dsrbench.video import write_mp4

pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")

from dsrbench.rewards.server import Limits, make_app, serve  # noqa: E402
from dsrbench.rewards.videos import read_videos  # noqa: E402
from dsrbench.rewards.wire import pack_request, unpack_request  # noqa: E402

CLIPS, PROMPTS, FPS = render_pair()
TOKEN = "a-token-of-the-tests"
LIMITS = Limits(body=1 << 20, waiting=4 << 20, idle=0.5, rate=1 << 20)


def make_reward(**options):
    return DSRReward("sprites-template", guard=Guard.off(), layout="THWC", **options)


@contextlib.contextmanager
def serving(reward, token="", limits=LIMITS):
    """The address of a server in a thread of this process."""
    config = uvicorn.Config(make_app(reward, token=token, limits=limits), port=0, log_level="critical", ws="none")
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def url():
    with serving(make_reward(), TOKEN) as address:
        yield address


def post(url, body, headers=None, *, token=TOKEN):
    """Status and text of an answer."""
    host = url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        connection.request("POST", "/rewards", body, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def pack(clips=CLIPS, prompts=PROMPTS):
    return b"".join(pack_request(read_videos(clips, fps=0), prompts))


def test_the_rewards_of_this_process(url, tmp_path):
    expected = make_reward()(CLIPS, PROMPTS)
    client = RewardClient(url, TOKEN)
    assert client(CLIPS, PROMPTS) == expected
    assert client(np.stack(CLIPS), PROMPTS) == expected
    assert for_flow_grpo(client)(CLIPS, PROMPTS, []) == (expected, {})
    paths = [tmp_path / f"{i}.mp4" for i in range(2)]
    for path, frames in zip(paths, CLIPS, strict=True):
        write_mp4(path, frames, fps=FPS)
    assert client(paths, PROMPTS) == make_reward()(paths, PROMPTS)


def test_requests_are_files_of_safetensors(url):
    numpy = pytest.importorskip("safetensors.numpy")
    read = numpy.load(pack())
    assert all(np.array_equal(read[f"video.{i}"], frames) for i, frames in enumerate(CLIPS))
    written = numpy.save({f"video.{i}": clip for i, clip in enumerate(CLIPS)}, {"prompts": json.dumps(PROMPTS)})
    status, text = post(url, written)
    assert status == 200
    assert [one["value"] for one in json.loads(text)["rewards"]] == make_reward()(CLIPS, PROMPTS)


def test_details(url):
    first, second = RewardClient(url, TOKEN).details(CLIPS, [PROMPTS[0], "a beautiful sunset"])
    assert (first["status"], first["diagnosis"], first["failed"]) == ("scored", "correct", [])
    assert 0 <= first["p_pass"] <= 1
    assert (second["status"], second["value"], second["dsr_score"]) == ("unread", 0.0, None)
    assert "cannot read the claim" in second["reason"]


def test_many_clients_at_once(url):
    expected = make_reward()(CLIPS, PROMPTS)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: RewardClient(url, TOKEN)([CLIPS[i % 2]], [PROMPTS[i % 2]]), range(24)))
    assert answers == [[expected[i % 2]] for i in range(24)]


def test_health_and_metrics(url):
    with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
        assert json.load(answer)["detector"] == "sprites-template"
    RewardClient(url, TOKEN)(CLIPS[:1], PROMPTS[:1])
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        lines = dict(line.split() for line in answer.read().decode().splitlines())
    assert float(lines["dsrbench_reward_clips_total"]) >= 1
    assert float(lines["dsrbench_reward_scored"]) == 1


def header(tensors, **metadata):
    text = json.dumps({"__metadata__": metadata, **tensors}).encode()
    return len(text).to_bytes(8, "little") + text


def entry(shape, n, dtype="U8"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, n]}


ONE = json.dumps(PROMPTS[:1])
WRONG = [
    # body, part of the message
    (b"", "no safetensors file"),
    (b"garbage" * 100, "no safetensors file"),
    (b"\xff" * 64, "no safetensors file"),
    (b"\x80\x04\x95" + b"cos\nsystem\n", "no safetensors file"),
    (pack()[:5000], "the body ends before the tensor does"),
    (header({"video.0": entry([2, 8, 8, 3], 384)}), "no safetensors file"),
    (header({"video.0": entry([2, 8, 8, 3], 384)}, prompts=ONE), "the body ends before the tensor does"),
    (header({"video.0": entry([2, 8, 8, 3], 384, "F32")}, prompts=ONE) + bytes(384), "expected uint8"),
    (header({"video.0": entry([2, 3, 8, 8], 384)}, prompts=ONE) + bytes(384), "expected uint8"),
    (header({"video.0": entry([0], 0)}, prompts=ONE), "expected uint8"),
    (header({"other": entry([8], 8)}, prompts=ONE) + bytes(8), "expected the tensors video.0"),
    (header({"video.0": entry([8], 8)}, prompts="5") + bytes(8), "a JSON list of texts"),
    (header({"video.0": entry([8], 8)}, prompts='["a", "b"]') + bytes(8), "a prompt for each, got 1 and 2"),
    (header({}, prompts="[]"), "expected 1 to 256 clips"),
    (header({"video.0": entry([8], 8)}, prompts=json.dumps(["a" * 3000])) + bytes(8), "at most 2000 characters"),
    (header({"video.0": {"dtype": "U8", "shape": "x", "data_offsets": [0]}}, prompts=ONE), "no safetensors file"),
    (header({"video.0": 5}, prompts=ONE), "no safetensors file"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_a_body_of_another_form_is_refused(url, body, message):
    status, text = post(url, body)
    assert (status, text.count("\n")) == (400, 1)
    assert message in text
    with pytest.raises(InputError):
        unpack_request(body)


def test_a_file_that_is_no_video_has_no_score(url):
    body = header({"video.0": entry([8], 8)}, prompts=ONE) + bytes(8)
    status, text = post(url, body)
    assert (status, json.loads(text)["rewards"][0]["status"]) == (200, "failed")


@pytest.mark.parametrize("token", ["", "another", "a-token-of-the-test", "ä"])
def test_another_token(url, token):
    status, text = post(url, pack(), {"Authorization": f"Bearer {token}".encode()})
    assert (status, text.count("\n")) == (401, 1)
    with pytest.raises(BackendError, match="expected the token of this server"):
        RewardClient(url, "another")(CLIPS, PROMPTS)


def test_too_large(url):
    status, text = post(url, b"", {"Content-Length": str(2 << 20)})
    assert status == 413, text
    with pytest.raises(BackendError, match="send fewer clips"):
        RewardClient(url, TOKEN)([np.zeros((400, 40, 40, 3), np.uint8)], PROMPTS[:1])


def test_other_paths_and_methods(url):
    for path, status in (("/", 404), ("/rewards", 405)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}{path}", timeout=30)
        assert caught.value.code == status
        assert caught.value.read().count(b"\n") == 1


def send_raw(url, data, *, close=False):
    """What a server answers to bytes of any kind."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        if close:
            connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


def ask(**headers):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(["POST /rewards HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def test_a_client_that_stalls(url):
    began = time.monotonic()
    answer = send_raw(url, ask(Authorization=f"Bearer {TOKEN}", Content_Length=1000) + b"abc")
    assert answer.startswith("HTTP/1.1 408")
    assert "the body came too slowly: 3 of 1000 bytes" in answer
    assert time.monotonic() - began < 20


def test_no_length(url):
    chunked = ask(Authorization=f"Bearer {TOKEN}", Transfer_Encoding="chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    assert send_raw(url, chunked).startswith("HTTP/1.1 411")


def test_a_client_that_goes_away_and_garbage_leave_the_server_whole(url):
    for _ in range(20):
        send_raw(url, ask(Authorization=f"Bearer {TOKEN}", Content_Length=1000) + b"abc", close=True)
        assert send_raw(url, b"\x16\x03\x01 garbage\r\n\r\n").startswith("HTTP/1.1 400")
    assert RewardClient(url, TOKEN)(CLIPS, PROMPTS) == make_reward()(CLIPS, PROMPTS)


def test_too_much_at_once():
    """Bodies that are being read count; what is beyond the limit is asked to come again."""
    with serving(make_reward(), limits=Limits(body=1 << 20, waiting=1 << 20, idle=5.0)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as first:
            first.sendall(ask(Content_Length=(1 << 20) - 10) + b"abc")
            deadline = time.monotonic() + 30
            while (answer := post(url, pack(), token=""))[0] != 503 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert answer == (503, "too much is waiting; come again\n")
        deadline = time.monotonic() + 30
        while post(url, pack(), token="")[0] != 200:
            assert time.monotonic() < deadline, "the memory of a client that went away is free again"
            time.sleep(0.05)


def test_a_reward_that_crashes():
    class Broken(DSRReward):
        def __call__(self, videos, prompts, *, details=False):
            raise ZeroDivisionError("of the test")

    with serving(Broken("sprites-template", layout="THWC")) as url:
        for _ in range(2):
            status, text = post(url, pack(), token="")
            assert (status, text) == (500, "the reward failed: of the test\n")


def test_other_machines_need_a_token():
    with pytest.raises(InputError, match="can be reached by other machines: give a token"):
        serve(make_reward(), host="0.0.0.0")


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{port}"):
            serve(make_reward(), port=port)


def test_no_server():
    with pytest.raises(BackendError, match="does not answer as a reward server"):
        RewardClient("http://127.0.0.1:9", timeout=5)(CLIPS, PROMPTS)
