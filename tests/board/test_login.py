"""Logging in over HTTP, at a provider in the Hub's place, to an application started as in a Space."""

from __future__ import annotations

import json

import httpx
import pytest
from factories.entries import write_entry
from factories.served_board import SERVED, serving
from fakes.login import SECRET, FakeLogin, TLSProxy

from dsrbench.board import Intake, open_stores
from dsrbench.board.audit import read_events
from dsrbench.errors import InputError

pytest.importorskip("gradio")
pytest.importorskip("authlib")

pytestmark = [  # gradio's reloader needs a package that only Spaces have
    *SERVED,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]

FACTS = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


@pytest.fixture(scope="module")
def login():
    with FakeLogin() as login:
        yield login


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    rules = {"suites": {"dsr-core-mini": [0]}, "quota": 2, "maintainers": ["chief"]}
    open_stores(folder)[0].change(lambda _: {"board.json": json.dumps(rules).encode()}, message="rules")
    return folder


@pytest.fixture(scope="module")
def space(folder, login, tmp_path_factory):
    """The address of a board with login, behind a proxy."""
    from gradio import oauth

    from dsrbench.board.app import Site

    with TLSProxy(tmp_path_factory.mktemp("proxy")) as proxy, pytest.MonkeyPatch.context() as patch:
        given = login.environment(proxy.host)
        for name, value in given.items():
            patch.setenv(name, value)
        for name in FACTS:  # gradio reads them once, when it is imported
            patch.setattr(oauth, name, given[name])
        with serving(Site.open(folder)) as address:
            proxy.target = int(address.rpartition(":")[2])
            yield proxy.url


@pytest.fixture(autouse=True)
def whole(login):
    yield
    login.fault = ""


class Visitor(httpx.Client):
    """A browser of somebody, without the window."""

    def __init__(self, space):
        super().__init__(verify=False, base_url=space, follow_redirects=True, timeout=60)
        self.functions = {one["api_name"]: one["id"] for one in self.get("/config").json()["dependencies"]}

    def ask(self, name, given):
        """What the board says when a button is pressed."""
        body = {"fn_index": self.functions[name], "data": [given], "session_hash": "visitor"}
        self.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self.stream("GET", "/gradio_api/queue/data", params={"session_hash": "visitor"}) as answer:
            for line in answer.iter_lines():
                message = json.loads(line.removeprefix("data:") or "{}")
                if message.get("msg") == "process_completed":
                    return message["output"]["data"][0]
        raise AssertionError("no answer")

    def submit(self, folder):
        files = [("files", (name, (folder / name).read_bytes())) for name in ("entry.json", "boxes.parquet")]
        paths = self.post("/gradio_api/upload", files=files).raise_for_status().json()
        return self.ask("submit", [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths])


def log_in(space, login, account):
    login.account = account
    visitor = Visitor(space)
    answer = visitor.get("/login/huggingface?_target_url=/?tab=submit")
    assert (answer.status_code, str(answer.url)) == (200, f"{space}/?tab=submit")
    return visitor


def entry(tmp_path, name, luck):
    return write_entry(tmp_path / name, name=name, seeds=(0,), luck=luck)


FAULTS = {
    "drop": (502, "does not answer as it should"),
    "503": (502, "does not answer as it should"),
    "refused": (403, "the login was refused"),
    "garbage": (502, "does not answer as it should"),
    "forged": (502, "does not answer as it should"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_login_that_fails_is_told_in_a_line(space, login, caplog, fault):
    login.fault = fault
    visitor, (status, said) = Visitor(space), FAULTS[fault]
    answer = visitor.get("/login/huggingface?_target_url=/?tab=submit")
    assert (answer.status_code, said in answer.text) == (status, True)
    assert "thanks" not in answer.text
    assert len([record for record in caplog.records if "a login failed" in record.message]) == 1
    assert not any(record.exc_info for record in caplog.records)
    assert "Log in with" in visitor.ask("withdraw", "anything")
    login.fault = ""
    assert visitor.get("/login/huggingface?_target_url=/").status_code == 200


def test_who_is_logged_in_submits_under_that_name_alone(space, login, folder, tmp_path):
    ann, bob, nobody = log_in(space, login, "ann"), log_in(space, login, "bob"), Visitor(space)
    assert {uri.partition("?")[0] for uri in login.redirects} == {f"{space}/login/callback"}
    assert "Accepted: " in ann.submit(entry(tmp_path, "anns", 1))
    assert "Log in with your Hugging Face account first" in nobody.submit(entry(tmp_path, "nobodys", 2))
    assert "is not of account bob" in bob.ask("withdraw", "anns")
    assert "Log in with" in nobody.ask("withdraw", "anns")
    assert "is taken" in bob.submit(entry(tmp_path, "anns", 3))
    assert "Accepted: " in ann.submit(entry(tmp_path, "anns-2", 4))
    assert "an account may submit 2 times a day" in ann.submit(entry(tmp_path, "anns-3", 5))
    assert "Accepted: " in bob.submit(entry(tmp_path, "bobs", 6))
    assert "Withdrawn: bobs" in log_in(space, login, "chief").ask("withdraw", "bobs")
    ann.get("/logout")
    assert "Log in with" in ann.ask("withdraw", "anns")
    stores = open_stores(folder)
    entries = {event.name: event.account for event in read_events(stores[1].look()) if event.event == "accepted"}
    assert entries == {"anns": "ann", "anns-2": "ann", "bobs": "bob"}
    assert Intake(*stores).results.look().exists("entries/anns/boxes.parquet")


def test_a_forged_cookie_is_no_login(space, login):
    import hashlib
    from base64 import b64encode

    from itsdangerous import TimestampSigner

    ann = log_in(space, login, "ann")
    cookie = ann.cookies["session"]
    payload, _, signature = cookie.partition(".")
    userinfo = {"name": "Ann", "preferred_username": "ann", "profile": "", "picture": ""}
    forged = b64encode(json.dumps({"oauth_info": {"userinfo": userinfo}}).encode())
    expired = b64encode(json.dumps({"oauth_info": {"userinfo": userinfo, "expires_at": 1}}).encode())
    empty_secret, true_secret = (hashlib.sha256(f"{secret}-v4".encode()).hexdigest() for secret in ("", SECRET))
    for value in (
        TimestampSigner("guessed").sign(forged).decode(),
        TimestampSigner(empty_secret).sign(forged).decode(),
        TimestampSigner(true_secret).sign(expired).decode(),
        f"{forged.decode()}.{signature}",
        f"{payload}.{signature[:-2]}AA",
        payload,
    ):
        thief = Visitor(space)
        thief.cookies.set("session", value)
        assert "Log in with" in thief.ask("withdraw", "anything")
    twin = Visitor(space)
    twin.cookies.set("session", cookie)
    assert "no entry" in twin.ask("withdraw", "anything")


def test_another_page_cannot_submit_with_a_visitors_cookie(space, login):
    ann = log_in(space, login, "ann")
    body = {"fn_index": ann.functions["withdraw"], "data": ["anything"], "session_hash": "evil"}
    evil = {"Origin": "https://evil.test", "Content-Type": "text/plain"}
    answer = ann.post("/gradio_api/queue/join", content=json.dumps(body), headers=evil)
    assert answer.status_code in (403, 415, 422)


@pytest.mark.parametrize("lacking", ["SYSTEM", "OAUTH_CLIENT_SECRET", "OPENID_PROVIDER_URL"])
def test_without_a_space_nobody_is_logged_in(monkeypatch, tmp_path, lacking):
    """gradio would log everybody in as the account of this machine's token, or sign cookies with an empty secret."""
    from dsrbench.board.app import Site
    from dsrbench.board.app.serve import start

    with FakeLogin() as login:
        given = {**login.environment("space.test"), lacking: ""}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"hf_oauth: true .*{lacking}"):
        start(Site.open(tmp_path / "board"), wait=False)
