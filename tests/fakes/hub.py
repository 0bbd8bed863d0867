"""A local server that speaks as much of the Hub as datasets need, and goes wrong on request.

    with FakeHub() as hub:
        hub.tokens["secret"] = {"me"}               # may write to me/...
        hub.faults = [("PUT /lfs", "drop")]         # the first such request, in its turn
        ...; hub.repos["me/data"].files["README.md"]

`HF_ENDPOINT` is `hub.url`. A fault is a status such as "503", or "drop": the connection closes, of a download in the
middle; or "lost": what is asked for is done, and the connection closes before the answer.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from pathlib import PurePosixPath

from fakes.loopback import LoopbackServer

LFS = (".parquet", ".mp4")


@dataclasses.dataclass
class Proposal:
    """A pull request: open until it has an answer."""

    author: str
    files: dict[str, bytes]
    answer: str = ""


@dataclasses.dataclass
class Repo:
    """A dataset: the files of every commit, the last one first, and those of every pull request."""

    private: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = dataclasses.field(default_factory=list)
    proposals: list[Proposal] = dataclasses.field(default_factory=list)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def files(self) -> dict[str, bytes]:
        """Files of the last commit."""
        return self.commits[0][1]

    def find(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """A commit with its files, by its name or as `main`."""
        if revision == "main":
            return self.commits[0]
        if revision.startswith("refs/pr/"):
            number = int(revision.rpartition("/")[2])
            return (f"{number:040x}", self.proposals[number - 1].files) if number <= len(self.proposals) else None
        return next((commit for commit in self.commits if commit[0] == revision), None)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit; its name."""
        facts = [len(self.commits), sorted((name, hashlib.sha1(data).hexdigest()) for name, data in files.items())]
        name = hashlib.sha1(json.dumps(facts).encode()).hexdigest()
        self.commits.insert(0, (name, files))
        return name


class FakeHub(LoopbackServer):
    """The server; a context that serves in a thread."""

    def __init__(self) -> None:
        super().__init__(Handler)
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.tokens: dict[str, set[str]] = {}
        self.faults: list[tuple[str, str]] = []
        self.requests: list[str] = []

    def environment(self, **more: str) -> dict[str, str]:
        """What a child needs to take this for the Hub."""
        fixed = {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "", "no_proxy": "127.0.0.1"}
        return {**fixed, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "", **more}


KIND, REPO, REVISION = "(?:datasets|models)", "([^/]+/[^/]+)", r"(refs/pr/\d+|[^/]+)"
ROUTES = (
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate"),
    ("GET", f"/api/{KIND}/{REPO}", "info"),
    ("GET", f"/api/{KIND}/{REPO}/auth-check/write", "check_write"),
    ("GET", f"/api/{KIND}/{REPO}/revision/{REVISION}", "info"),
    ("GET", f"/api/{KIND}/{REPO}/tree/{REVISION}(?:/(.*))?", "tree"),
    ("POST", f"/api/{KIND}/{REPO}/paths-info/{REVISION}", "paths"),
    ("POST", f"/api/{KIND}/{REPO}/preupload/{REVISION}", "preupload"),
    ("POST", f"/api/{KIND}/{REPO}/commit/{REVISION}", "commit"),
    ("GET", f"/api/{KIND}/{REPO}/discussions", "discussions"),
    ("POST", rf"/api/{KIND}/{REPO}/discussions/(\d+)/status", "close"),
    ("POST", rf"(?:/datasets)?/{REPO}\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/lfs/(\w+)", "put"),
    ("GET", f"(?:/datasets)?/{REPO}/resolve/{REVISION}/(.+)", "resolve"),
)


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: FakeHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def answer(self) -> None:
        """Go wrong if it is the turn, else do what the route says."""
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        asked = f"{self.command} {path}"
        self.server.requests.append(asked)
        self.fault = ""
        if self.server.faults and re.match(self.server.faults[0][0], asked):
            self.fault = self.server.faults.pop(0)[1]
            if self.fault.isdigit():
                return self.send(int(self.fault), {"error": "asked for"})
            if self.fault == "drop" and self.command != "GET":
                return self.drop()
        method = "GET" if self.command == "HEAD" else self.command
        for verb, pattern, name in ROUTES:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return getattr(self, name)(*found.groups())
        return self.send(404, {"error": f"no route {asked}"})

    def drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)

    @property
    def owners(self) -> set[str] | None:
        """Whom the token may write for; None without a known token."""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return self.server.tokens.get(token)

    def may_write(self, id: str) -> bool:
        """Whether the token may write, or propose, with the refusal sent if it may not."""
        if "create_pr=1" in self.path and self.owners is not None:
            return True
        if self.owners is None:
            self.send(401, {"error": "Invalid username or password."})
        elif id.split("/")[0] not in self.owners:
            self.send(403, {"error": "You don't have the rights to write here."})
        return self.owners is not None and id.split("/")[0] in self.owners

    def find(self, id: str, revision: str = "main"):
        """Repository and commit, or None with the refusal sent."""
        repo = self.server.repos.get(id)
        if repo is None or (repo.private and id.split("/")[0] not in (self.owners or ())):
            self.send(404 if self.owners is not None else 401, {"error": "no repo"}, {"X-Error-Code": "RepoNotFound"})
            return None
        commit = repo.find(revision)
        if commit is None:
            self.send(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
            return None
        return repo, commit

    def create(self) -> None:
        asked = json.loads(self.body)
        id = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = f"{self.server.url}/datasets/{id}"
        if not self.may_write(id):
            return
        if id in self.server.repos:
            self.send(
                409, {"error": "You already created this dataset repo", "url": f"{self.server.url}/datasets/{id}"}
            )
            return
        repo = self.server.repos[id] = Repo(asked.get("visibility") == "private" or bool(asked.get("private")))
        repo.commit({".gitattributes": b""})
        self.send(200, {"url": url, "name": id})

    def validate(self) -> None:
        self.send(200, {"errors": [], "warnings": []})

    def info(self, id: str, revision: str = "main") -> None:
        if found := self.find(id, revision):
            repo, (name, files) = found
            siblings = [{"rfilename": file} for file in sorted(files)]
            self.send(200, {"id": id, "sha": name, "private": repo.private, "siblings": siblings, "tags": []})

    def check_write(self, id: str) -> None:
        if self.find(id) and self.may_write(id):
            self.send(200, {})

    def tree(self, id: str, revision: str, folder: str | None) -> None:
        if not (found := self.find(id, revision)):
            return
        files, top = found[1][1], f"{folder}/" if folder else ""
        inside = sorted(name for name in files if name.startswith(top))
        if not inside:
            self.send(404, {"error": "no folder"}, {"X-Error-Code": "EntryNotFound"})
            return
        recursive = "recursive=true" in self.path.lower()
        folders = {str(parent) for name in inside for parent in PurePosixPath(name).parents if str(parent) != "."}
        rows = [{"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in sorted(folders)]
        rows += [describe(name, files[name]) for name in inside]
        under = [row for row in rows if row["path"].startswith(top)]
        self.send(200, under if recursive else [row for row in under if "/" not in row["path"][len(top) :]])

    def paths(self, id: str, revision: str) -> None:
        if found := self.find(id, revision):
            form = urllib.parse.parse_qs(self.body.decode())
            asked = form.get("paths") or json.loads(self.body or b"{}").get("paths", [])
            self.send(200, [describe(name, found[1][1][name]) for name in asked if name in found[1][1]])

    def preupload(self, id: str, revision: str) -> None:
        if not self.may_write(id) or not (found := self.find(id, revision)):
            return
        files = []
        for file in json.loads(self.body)["files"]:
            name, there = file["path"], found[1][1].get(file["path"])
            mode = "lfs" if name.endswith(LFS) else "regular"
            oid = {} if there is None else {"oid": describe(name, there)["oid"]}
            if there is not None and mode == "lfs":
                oid = {"oid": hashlib.sha256(there).hexdigest()}
            files.append({"path": name, "uploadMode": mode, "shouldIgnore": False, **oid})
        self.send(200, {"files": files})

    def batch(self, id: str) -> None:
        if self.owners is None:  # who proposes files sends them as well; the commit is what needs a permission
            return self.send(401, {"error": "Invalid username or password."})
        objects = []
        for item in json.loads(self.body)["objects"]:
            href = f"{self.server.url}/lfs/{item['oid']}"
            there = item["oid"] in self.server.objects
            objects.append({**item, **({} if there else {"actions": {"upload": {"href": href}}})})
        return self.send(
            200, {"transfer": "basic", "objects": objects}, {"Content-Type": "application/vnd.git-lfs+json"}
        )

    def put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.send(400, {"error": "another hash"})
        self.server.objects[oid] = self.body
        return self.send(200, {})

    def commit(self, id: str, revision: str) -> None:
        proposed = "create_pr=1" in self.path
        if not self.may_write(id) or not self.find(id, revision):
            return
        repo = self.server.repos[id]
        with repo.lock:
            self.add_commit(repo, id, revision, proposed)

    def add_commit(self, repo: Repo, id: str, revision: str, proposed: bool) -> None:
        found = repo.find(revision)
        files = dict(found[1])
        for line in filter(None, self.body.splitlines()):
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "header" and value.get("parentCommit") not in (None, found[0]) and not proposed:
                return self.send(412, {"error": "A commit has happened since. Please refresh and try again."})
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                if value["oid"] not in self.server.objects:
                    return self.send(400, {"error": "no such object"})
                files[value["path"]] = self.server.objects[value["oid"]]
            elif item["key"] == "deletedFile":
                files.pop(value["path"])
        url = f"{self.server.url}/datasets/{id}"
        if proposed:
            repo.proposals.append(Proposal(min(self.owners or {"ghost"}), files))
            more = {"pullRequestUrl": f"{url}/discussions/{len(repo.proposals)}"}
            return self.send(200, {"success": True, "commitOid": "0" * 40, "commitUrl": f"{url}/commit/0", **more})
        name = repo.commit(files)
        return self.send(200, {"success": True, "commitOid": name, "commitUrl": f"{url}/commit/{name}"})

    def discussions(self, id: str) -> None:
        if found := self.find(id):
            rows = [
                {
                    "num": number,
                    "title": "",
                    "status": "open",
                    "isPullRequest": True,
                    "repo": {"name": id, "type": "dataset"},
                }
                | {"author": {"name": proposal.author}, "createdAt": "2026-01-01T00:00:00.000Z"}
                for number, proposal in enumerate(found[0].proposals, start=1)
                if not proposal.answer
            ]
            self.send(200, {"count": len(rows), "start": 0, "discussions": rows})

    def close(self, id: str, number: str) -> None:
        if not self.may_write(id) or not (found := self.find(id)):
            return
        asked = json.loads(self.body)
        found[0].proposals[int(number) - 1].answer = asked["comment"]
        event = {"id": "0", "type": "status-change", "createdAt": "2026-01-01T00:00:00.000Z", "author": {"name": "x"}}
        self.send(200, {"newStatus": {**event, "data": {"status": asked["status"]}}})

    def resolve(self, id: str, revision: str, name: str) -> None:
        if not (found := self.find(id, revision)):
            return
        commit, files = found[1]
        if name not in files:
            return self.send(404, {"error": "no file"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        data = files[name]
        sent = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        start = int(sent[1]) if sent else 0
        end = int(sent[2]) + 1 if sent and sent[2] else len(data)
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if sent:
            headers["Content-Range"] = f"bytes {start}-{min(end, len(data)) - 1}/{len(data)}"
        return self.send(206 if sent else 200, data[start:end], headers)

    def send(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        """Send JSON or bytes; of a body that is to be dropped, the first half."""
        if self.fault == "lost":
            return self.drop()
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        for name, text in {"Content-Type": kind, **(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        if status >= 400 and isinstance(value, dict):
            self.send_header("X-Error-Message", str(value.get("error", "")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if self.fault == "drop" else body)
        if self.fault == "drop":
            self.wfile.flush()
            self.drop()

    def log_message(self, *_: object) -> None:
        pass


def describe(name: str, data: bytes) -> dict[str, object]:
    """A file as trees list it."""
    blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    kind = {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}}
    return {"type": "file", "path": name, "size": len(data), "oid": blob, **(kind if name.endswith(LFS) else {})}
