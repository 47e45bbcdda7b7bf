"""How the hub on loopback (see `server`) answers: the API, files, the CDN, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

if TYPE_CHECKING:
    from server import Hub

BLOCK = 16 * 1024
LARGE = 10 * 1024
"""From this size on a file is in LFS: its SHA-256 is listed, and the CDN serves it."""


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
