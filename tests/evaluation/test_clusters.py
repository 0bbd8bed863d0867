"""A cluster of two nodes, both on this machine, reached by either kind of address, from processes of their own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from dsrbench.evaluation.engines.ray import ENVIRONMENT

pytest.importorskip("ray")

pytestmark = pytest.mark.slow

RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block", "--num-cpus=2"]


def find_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(port, process):
    for _ in range(240):
        assert process.poll() is None
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    pytest.fail("the cluster did not start")


@pytest.fixture(scope="module")
def cluster():
    """Addresses of a cluster that asks for a token, and the environment that has it."""
    environment = {**os.environ, **ENVIRONMENT, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    port, client = find_port(), find_port()
    nodes = []
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:

        def start(*arguments):
            log = open(f"{folder}/{len(nodes)}.log", "wb")  # noqa: SIM115
            with log:
                command = [*RAY, "--object-store-memory=100000000", *arguments]
                node = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
            nodes.append(node)
            return node

        try:
            ports = (f"--port={port}", f"--ray-client-server-port={client}")
            head = start("--head", *ports, "--include-dashboard=false", f"--temp-dir={folder}")
            wait_for(client, head)
            start(f"--address=127.0.0.1:{port}")
            yield {"plain": f"127.0.0.1:{port}", "client": f"ray://127.0.0.1:{client}"}, environment
        finally:
            for node in reversed(nodes):
                os.killpg(node.pid, signal.SIGTERM)
            for node in reversed(nodes):
                try:
                    node.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(node.pid, signal.SIGKILL)
                    node.wait()


def evaluate(out, environment, *arguments):
    command = [sys.executable, "-m", "dsrbench", "eval", "--limit", "8", "--out", str(out), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    assert evaluate(out, {**os.environ}).returncode == 0
    return (out / "samples.parquet").read_bytes()


@pytest.mark.parametrize("kind", ["plain", "client"])
def test_the_bytes_of_one_process(cluster, alone, tmp_path, kind):
    """The pools are too large for either node alone."""
    addresses, environment = cluster
    pools = ("--pool", "detect=3:3,cpus=1")
    done = evaluate(tmp_path / "run", environment, "--engine", "ray", "--address", addresses[kind], *pools)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "samples.parquet").read_bytes() == alone
    events = map(json.loads, (tmp_path / "run" / "log.jsonl").read_text().splitlines())
    assert next(event for event in events if event["event"] == "ray")["pools"]["detect"].startswith("3:3")


def test_without_the_token_it_says_what_to_set(cluster, tmp_path):
    addresses, environment = cluster
    stranger = {name: value for name, value in environment.items() if not name.startswith("RAY_AUTH")}
    done = evaluate(
        tmp_path / "run", {**stranger, "HOME": str(tmp_path)}, "--engine", "ray", "--address", addresses["plain"]
    )
    assert done.returncode == 5
    assert done.stderr.splitlines()[-1].startswith(f"dsrbench: no Ray cluster at {addresses['plain']}")
    assert "RAY_AUTH_MODE=token" in done.stderr
    assert "Traceback" not in done.stderr
