"""A model hub on loopback: the part of the Hugging Face hub's HTTP API that downloads use.

    with Hub() as hub:
        hub.add("owner/name", folder, commit="…40 digits…")
        run(..., env=os.environ | hub.environment(tmp_path / "hf"))

What is answered: model info (`/api/models/<repo>/revision/<rev>`, with `?blobs=true` also sizes and
SHA-256), the tree, the commits, and files (`/<repo>/resolve/<rev>/<path>`) with ETag,
X-Repo-Commit, ranges, and for large files a redirect to another address, as the real hub sends them
to a CDN.
Whole commits, branches and tags are revisions; a shortened commit is none, as on the real hub.

Faults are queued for a repository with `hub.fault(...)` or set on the repository; `hub.sent` counts
the bytes of each file that went out.
"""

import hashlib
import json
import socket
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

BLOCK = 16 * 1024
LARGE = 10 * 1024
"""From this size on a file is in LFS: its SHA-256 is listed, and the CDN serves it."""


@dataclass
class Repository:
    """What the hub knows of one repository.

    Attributes:
        commits: commit → folder of its files.
        refs: branch or tag → commit.
        gated: whether only `token` opens it.
        private: whether it is hidden from those without `token`.
    """

    commits: dict[str, Path] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False


@dataclass
class Fault:
    """What goes wrong with one answer for a file.

    Attributes:
        status: answered in place of the file, with `headers`.
        cut: the connection breaks after so many bytes of the body.
        change: what the bytes are turned into.
        path: only answers for this file; None is any.
        where: `resolve` (the hub), `cdn`, or `info`.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    change: Callable[[bytes], bytes] | None = None
    path: str | None = None
    where: str = "cdn"


class Hub:
    """The server and what it serves.

    Attributes:
        repositories: by owner/name; delete one and it has vanished.
        sent: bytes of bodies that went out, by (repository, path).
        requests: answered requests, as (method, repository, kind, path).
        delay: seconds to wait after each block of 16 KiB of a file.
        ranges: whether ranges are honoured.
    """

    token = "hf_of_this_hub"

    def __init__(self, delay: float = 0.0) -> None:
        self.repositories: dict[str, Repository] = {}
        self.sent: Counter[tuple[str, str]] = Counter()
        self.requests: list[tuple[str, str, str, str]] = []
        self.delay = delay
        self.ranges = True
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), handler(self))

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def cdn(self) -> str:
        """Another origin on the same machine, so that tokens must not follow a redirect there."""
        return f"http://localhost:{self._server.server_port}"

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """Variables that lead a process of huggingface_hub here.

        Args:
            home: HF_HOME: cache and token of that process.
            token: its HF_TOKEN; empty is none.
        """
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN": token or "",
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def add(self, repo: str, folder: Path, commit: str | None = None, branch: str = "main") -> str:
        """Serve a folder as a commit, and let a branch stand at it.

        Args:
            repo: owner/name.
            folder: the files.
            commit: 40 hexadecimal digits; made up from names and bytes if None.
            branch: the branch that moves there.

        Returns:
            The commit.
        """
        folder = Path(folder)
        if commit is None:
            digest = hashlib.sha1()
            for name, path in files_of(folder).items():
                digest.update(name.encode() + path.read_bytes())
            commit = digest.hexdigest()
        repository = self.repositories.setdefault(repo, Repository())
        repository.commits[commit] = folder
        repository.refs[branch] = commit
        return commit

    def fault(self, repo: str, *faults: Fault) -> None:
        """Let the next answers for a repository go wrong, one fault an answer."""
        self._faults[repo].extend(faults)

    def next_fault(self, repo: str, where: str, path: str) -> Fault | None:
        """The first queued fault, if it is meant for such an answer; then it is used up."""
        with self._lock:
            queue = self._faults[repo]
            for fault in queue:
                if fault.where == where and fault.path in (None, path):
                    queue.remove(fault)
                    return fault
        return None

    def count(self, repo: str, path: str, size: int) -> None:
        """Note bytes that went out."""
        with self._lock:
            self.sent[repo, path] += size

    def __enter__(self) -> "Hub":
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    """Threads that end with the process, small buffers, and no word on cut connections."""

    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        # What is counted as sent should have been received, and not wait in a buffer.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BLOCK)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed in tests."""


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """The class that answers the requests to a hub."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer()

        def do_HEAD(self) -> None:
            self.answer()

        def log_message(self, *arguments: object) -> None:
            """Nothing is printed."""

        def answer(self) -> None:
            """Find what is asked for: the API, a file, or the CDN's copy of a file."""
            url = urlsplit(self.path)
            parts = [unquote(part) for part in url.path.strip("/").split("/")]
            if parts[:2] == ["api", "models"] and len(parts) >= 4:
                repo, (kind, *rest) = "/".join(parts[2:4]), parts[4:] or ["revision"]
                self.api(repo, kind, rest, parse_qs(url.query))
            elif parts[0] == "cdn" and len(parts) > 4:
                self.file("/".join(parts[1:3]), parts[3], "/".join(parts[4:]), "cdn")
            elif len(parts) > 4 and parts[2] == "resolve":
                self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), "resolve")
            else:
                self.error(404, "EntryNotFound", "Entry not found")

        def api(self, repo: str, kind: str, rest: list[str], query: dict[str, list[str]]) -> None:
            """Model info, tree and commits."""
            hub.requests.append((self.command, repo, kind, "/".join(rest)))
            found = self.revision(repo, rest[0] if rest else "main", needs_licence=False)
            if found is None or self.went_wrong(hub.next_fault(repo, "info", kind)):
                return
            commit, folder = found
            files = [(name, describe(path)) for name, path in files_of(folder).items()]
            if kind == "revision":
                blobs = "blobs" in query
                siblings = [{"rfilename": n} | (entry if blobs else {}) for n, entry in files]
                repository = hub.repositories[repo]
                self.json(
                    {
                        "_id": commit[:24],
                        "id": repo,
                        "modelId": repo,
                        "sha": commit,
                        "private": repository.private,
                        "gated": "auto" if repository.gated else False,
                        "tags": [],
                        "siblings": siblings,
                    }
                )
            elif kind == "tree":
                self.json([tree_entry(name, entry) for name, entry in files])
            elif kind == "commits":
                commits = reversed(hub.repositories[repo].commits)
                self.json(
                    [
                        {
                            "id": one,
                            "title": "commit",
                            "message": "",
                            "authors": [],
                            "date": "2025-01-01T00:00:00.000Z",
                        }
                        for one in commits
                    ]
                )
            else:
                self.error(404, "EntryNotFound", "Entry not found")

        def file(self, repo: str, revision: str, name: str, where: str) -> None:
            """A file: its metadata and, if it is small or this is the CDN, its bytes."""
            hub.requests.append((self.command, repo, where, name))
            if where == "cdn":
                if self.headers.get("Authorization"):
                    return self.error(400, None, "a token came to the CDN")
                found = self.revision(repo, revision, needs_licence=False, token=hub.token)
            else:
                found = self.revision(repo, revision, needs_licence=True)
            if found is None:
                return None
            commit, folder = found
            path = files_of(folder).get(name)
            if path is None:
                return self.error(404, "EntryNotFound", "Entry not found")
            entry = describe(path)
            headers = {"X-Repo-Commit": commit, "ETag": f'"{entry["blobId"]}"'}
            fault = hub.next_fault(repo, where, name)
            if self.went_wrong(fault):
                return None
            if "lfs" in entry and where == "resolve":
                digest, size = entry["lfs"]["sha256"], str(entry["size"])
                headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": size}
                headers["Location"] = f"{hub.cdn}/cdn/{repo}/{commit}/{quote(name)}"
                return self.respond(302, headers, b"")
            return self.body(repo, name, path.read_bytes(), headers, fault)

        def body(
            self, repo: str, name: str, content: bytes, headers: dict, fault: Fault | None
        ) -> None:
            """Bytes of a file from the start of the asked range on."""
            fault = fault or Fault()
            if fault.change is not None:
                content = fault.change(content)
            asked, first = self.headers.get("Range"), 0
            if asked and hub.ranges:
                first = int(asked.removeprefix("bytes=").split("-")[0])
                if first >= len(content):
                    return self.respond(416, {"Content-Range": f"bytes */{len(content)}"}, b"")
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.send_response(206 if "Content-Range" in headers else 200)
            for key, value in (headers | {"Content-Length": str(len(content) - first)}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return None
            end = len(content) if fault.cut is None else min(len(content), first + fault.cut)
            for start in range(first, end, BLOCK):
                block = content[start : min(start + BLOCK, end)]
                hub.count(repo, name, len(block))  # before a client can have it
                self.wfile.write(block)
                time.sleep(hub.delay)
            if fault.cut is not None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            return None

        def revision(
            self, repo: str, name: str, needs_licence: bool, token: str | None = None
        ) -> tuple[str, Path] | None:
            """Commit and folder of a revision; None when the request has been answered."""
            repository = hub.repositories.get(repo)
            token = token or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            may = token == hub.token
            if repository is None or (repository.private and not may):
                # The real hub does not tell strangers which of the two it is.
                self.error(404 if token else 401, "RepoNotFound", "Repository not found")
                return None
            if repository.gated and needs_licence and not may:
                self.error(403 if token else 401, "GatedRepo", "Access to this model is restricted")
                return None
            commit = repository.refs.get(name, name)
            if commit not in repository.commits:
                self.error(404, "RevisionNotFound", f"Invalid rev id: {name}")
                return None
            return commit, repository.commits[commit]

        def went_wrong(self, fault: Fault | None) -> bool:
            """Answer with a fault's status, if it has one."""
            if fault is None or fault.status is None:
                return False
            self.respond(fault.status, fault.headers, b"out of order")
            return True

        def json(self, content: object) -> None:
            """Answer with JSON."""
            self.respond(200, {"Content-Type": "application/json"}, json.dumps(content).encode())

        def error(self, status: int, code: str | None, message: str) -> None:
            """Answer with an error as the hub words it."""
            headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
            self.respond(status, headers, json.dumps({"error": message}).encode())

        def respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
            """Answer with a short body."""
            self.send_response(status)
            for key, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def files_of(folder: Path) -> dict[str, Path]:
    """Files below a folder, by path in the repository."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def describe(path: Path) -> dict:
    """Size and git's blob id of a file, and its SHA-256 if it is large, as the hub lists them."""
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {"blobId": blob, "size": len(content)}
    if len(content) >= LARGE or path.suffix == ".safetensors":
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
    return entry


def tree_entry(name: str, entry: dict) -> dict:
    """A file as the tree lists it."""
    listed = {"type": "file", "path": name, "size": entry["size"], "oid": entry["blobId"]}
    if "lfs" in entry:
        lfs = entry["lfs"]
        listed["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 134}
    return listed
