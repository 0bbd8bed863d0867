"""Ten thousand requests that are none, to the real command: one line and the right status each, and flat memory."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from factories.rendered import render_pair

from dsrbench.rewards import DSRReward, Guard, RewardClient
from dsrbench.rewards.videos import read_videos

pytest.importorskip("uvicorn")

from dsrbench.rewards.wire import pack_request

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

CLIPS, PROMPTS, _ = render_pair()
TOKEN, N = "a-token-of-the-tests", 10_000
MAX_GROWTH = 32 << 20
"""Bytes by which the server's memory may grow from the first thousand requests to the last."""


@pytest.fixture
def server(tmp_path):
    """Address and process of `dsrbench serve-reward`."""
    (tmp_path / "token").write_text(TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dsrbench", "serve-reward", "--detector", "sprites-template", "--no-guard"]
    command += ["--port", str(port), "--token-file", str(tmp_path / "token"), "--max-mib", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
            break
        time.sleep(0.1)
    yield url, process
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert "Traceback" not in said
    assert process.returncode in (0, 130), said


def memory(process):
    """Resident memory in bytes."""
    return int(re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1]) << 10


def make_request(rng):
    """Body, headers and the expected status of a request that is none."""
    whole = b"".join(pack_request(read_videos(CLIPS, fps=0), PROMPTS))
    token = {"Authorization": f"Bearer {TOKEN}"}
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(2000)), token, 400
    if kind == 1:
        return whole[: rng.randrange(len(whole))], token, 400
    if kind == 2:
        spoilt = bytearray(whole[:2000])
        spoilt[rng.randrange(8)] ^= 1 + rng.randrange(255)
        return bytes(spoilt), token, 400
    if kind == 3:
        return b"", {**token, "Content-Length": str((1 << 20) + 1 + rng.randrange(1 << 40))}, 413
    return whole[:100], {"Authorization": f"Bearer {rng.randbytes(8).hex()}"}, 401


def send(host, seed):
    """Whether a request got one line and the right status."""
    body, headers, expected = make_request(random.Random(seed))
    with contextlib.closing(http.client.HTTPConnection(host, timeout=60)) as connection:
        connection.request("POST", "/rewards", body, headers)
        answer = connection.getresponse()
        text = answer.read()
    return answer.status == expected and text.count(b"\n") == 1


def test_ten_thousand_requests(server):
    url, process = server
    host = url.removeprefix("http://")
    stalled = [socket.create_connection(tuple(host.split(":"))) for _ in range(20)]
    head = f"POST /rewards HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\nabc"
    for connection in stalled:
        connection.sendall(head.encode())
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda seed: send(host, seed), range(N // 10)))
        before = memory(process)
        assert all(pool.map(lambda seed: send(host, seed), range(N // 10, N)))
    assert memory(process) - before < MAX_GROWTH
    for connection in stalled:
        connection.settimeout(60)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
        connection.close()
    reward = DSRReward("sprites-template", guard=Guard.off())
    assert RewardClient(url, TOKEN)(CLIPS, PROMPTS) == reward(CLIPS, PROMPTS)
    assert os.path.exists(f"/proc/{process.pid}")
