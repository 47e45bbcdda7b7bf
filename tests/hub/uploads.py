"""How the hub on loopback (see `server`) takes uploads: a repository, large files, a commit.

As huggingface_hub 2.4 sends them: validate-yaml and repos/create, preupload (small or LFS), the LFS
batch and its PUTs, then one commit of JSON lines. Only the hub's token may write.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from answers import LARGE, handler

if TYPE_CHECKING:
    from server import Hub


def upload_handler(hub: Hub, folder: Path) -> type:
    """A handler that also takes uploads; a pushed commit lies below `folder`."""
    large: dict[str, bytes] = {}

    class Handler(handler(hub)):
        def answer(self) -> None:
            self.path = self.path.replace("/api/datasets/", "/api/models/")
            super().answer()

        def do_PUT(self) -> None:
            large[Path(urlsplit(self.path).path).name] = self.sent()
            self.respond(200, {}, b"")

        def do_POST(self) -> None:
            parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            body = self.sent()
            if (self.headers.get("Authorization") or "") != f"Bearer {hub.token}":
                return self.error(401, None, "Invalid username or password.")
            hub.requests.append(("POST", "/".join(parts), "upload", ""))
            if parts == ["api", "validate-yaml"]:
                return self.json({"warnings": [], "errors": []})
            if parts == ["api", "repos", "create"]:
                return self.create(json.loads(body))
            if parts[-1] == "batch":
                return self.batch(json.loads(body))
            repo = "/".join(parts[2:4])
            if parts[4] == "preupload":
                modes = [
                    {
                        "path": one["path"],
                        "uploadMode": "lfs" if one["size"] >= LARGE else "regular",
                        "shouldIgnore": False,
                        "oid": None,
                    }
                    for one in json.loads(body)["files"]
                ]
                return self.json({"files": modes})
            return self.commit(repo, [json.loads(line) for line in body.splitlines()])

        def sent(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def create(self, given: dict[str, Any]) -> None:
            kind = given.get("type", "model")
            repo = f"{given['organization']}/{given['name']}"
            empty = folder / "empty"
            empty.mkdir(exist_ok=True)
            if repo not in hub.repositories:
                hub.add(repo, empty, "0" * 40)
                hub.repositories[repo].private = given["visibility"] == "private"
            prefix = "datasets/" if kind == "dataset" else ""
            self.json({"url": f"{hub.endpoint}/{prefix}{repo}"})

        def batch(self, given: dict[str, Any]) -> None:
            objects = [
                one | {"actions": {"upload": {"href": f"{hub.endpoint}/put/{one['oid']}"}}}
                for one in given["objects"]
            ]
            self.json({"objects": objects, "transfer": "basic"})

        def commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
            commit = hashlib.sha1(json.dumps(lines).encode()).hexdigest()
            repository = hub.repositories[repo]
            shutil.copytree(repository.commits[repository.refs["main"]], folder / commit)
            for line in lines:
                value = line["value"]
                if line["key"] == "header":
                    continue
                path = folder / commit / value["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                if line["key"] == "deletedFile":
                    path.unlink()
                elif line["key"] == "lfsFile":
                    path.write_bytes(large[value["oid"]])
                else:
                    path.write_bytes(base64.b64decode(value["content"]))
            hub.add(repo, folder / commit, commit)
            url = f"{hub.endpoint}/{repo}/commit/{commit}"
            self.json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    return Handler
