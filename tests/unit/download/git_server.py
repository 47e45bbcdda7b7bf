"""A git repository in DreamBench's layout, and a server of it on loopback that fails when told."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

SUBJECTS = [f"thing{number:02d}" for number in range(28)] + ["cat", "dog"]
LICENCE = "Creative Commons Attribution 4.0 $Id$\n"
CREDIT = "https://unsplash.com/@someone"


def git(folder: Path, *arguments: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment |= dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"), os.devnull)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    command = ["git", "-C", str(folder), *who, *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def prompt_file() -> str:
    def prompts(kind: str) -> str:
        line = "'a {{0}} {{1}} {0} {1}'.format(unique_token, class_token)"
        return ",\n".join(line.format(kind, number) for number in range(25))

    classes = "\n".join(f"{name},{name if name in ('cat', 'dog') else 'toy'}" for name in SUBJECTS)
    return (
        f"Classes\n\nsubject_name,class\n{classes}\n\nPrompts\n\nObject Prompts\n\n"
        f"prompt_list = [\n{prompts('thing')}\n]\n\nLive Subject Prompts\n\n"
        f"prompt_list = [\n{prompts('animal')}\n]\n"
    )


def licence_file() -> str:
    lines = ["DreamBooth Dataset - References and Licenses", "", "Owners: ", "Somebody", ""]
    for name in SUBJECTS[:-1]:
        lines += [f"{name}: Photos taken by Somebody", ""]
    lines += [f"{SUBJECTS[-1]}: ", f"(credit: {CREDIT})"]
    lines += ["00: https://unsplash.com/photos/a", "01: 00 flipped", "02: removed - author: x"]
    return "\n".join([*lines, "", "Licenses", "", "Unsplash", "dog: not a subject's block"])


def write_dataset(root: Path) -> None:
    """30 subjects, 158 photos (six of each of the first eight, else five), all different."""
    random = np.random.default_rng(0)
    for place, name in enumerate(SUBJECTS):
        (root / "dataset" / name).mkdir(parents=True)
        for number in range(6 if place < 8 else 5):
            pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "dataset" / name / f"{number:02d}.jpg")
    (root / "dataset" / "prompts_and_classes.txt").write_text(prompt_file())
    (root / "dataset" / "references_and_licenses.txt").write_text(licence_file())
    (root / "LICENSE").write_text(LICENCE)
    # What a checkout would do to its bytes; and what is not wanted.
    (root / ".gitattributes").write_text("LICENSE text eol=crlf ident\n")
    (root / "teaser").mkdir()
    (root / "teaser" / "teaser.png").write_bytes(b"not an image of the dataset")


def commit(root: Path) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a commit")
    return git(root, "rev-parse", "HEAD")


class Handler(BaseHTTPRequestHandler):
    """`git http-backend`, and the faults that the server was given, one for each answer."""

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if isinstance(fault, int):
            self.send_error(fault)
            return
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        headers = dict(line for line in lines if len(line) == 2)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "POST":
            self.server.sent += len(content)
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(root: Path) -> Iterator[ThreadingHTTPServer]:
    """Serve the repositories below a folder. `faults`: what goes wrong with the next answers, a
    status or "cut" for half of it; `sent`: bytes of packs; `url`: of the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.root, server.faults, server.sent = root, [], 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
