"""The server of `toffee app`: on loopback, for this machine's browser alone."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from toffee.app.studio import Studio
from toffee.runtime.errors import ToffeeError

STATIC = Path(__file__).parent / "static"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".png": "image/png"}
HOST = "127.0.0.1"
OWN = "X-Toffee"
"""Header of the page's own requests: another site's page cannot send it here."""

LARGEST = 1 << 28
"""Bytes of a request."""

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
POLICY += "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def make_server(studio: Studio, port: int) -> ThreadingHTTPServer:
    """A server of the page; `serve_forever` runs it.

    Args:
        port: 0 takes a free one.

    Raises:
        ToffeeError: the port is taken.
    """

    class Handler(_Handler):
        pass

    Handler.studio = studio
    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ToffeeError(f"--port {port}: cannot be opened ({error.strerror})") from error


class _Handler(BaseHTTPRequestHandler):
    studio: Studio
    server_version = "toffee"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        answers: dict[str, Callable[[], Any]] = {
            "/about": self.studio.about,
            "/progress": lambda: asdict(self.studio.progress),
            "/history": self.studio.history,
        }
        if not self._is_local():
            self._answer(403, {"error": "this page is for this machine alone"})
        elif path in answers:
            self._call(answers[path])
        elif path == "/" or re.fullmatch(r"/static/[\w.-]+", path):
            self._file(STATIC / (Path(path).name or "index.html"))
        elif found := re.fullmatch(r"/picture/([^/\\\0]+\.png)", path):
            self._file(self.studio.file(found[1]))
        else:
            self._file(None)

    def do_POST(self) -> None:
        told = self.headers.get("Content-Length") or "0"
        size = int(told) if told.isdecimal() else LARGEST + 1
        if not self._is_local() or OWN not in self.headers:
            self._answer(403, {"error": "this page is for this machine alone"})
            return
        if size > LARGEST:
            self._answer(413, {"error": f"too large, expected at most {LARGEST >> 20} MB"})
            return
        data = self.rfile.read(size)
        if self.path == "/photo":
            self._call(lambda: self.studio.take(data))
            return
        studio = self.studio
        calls: dict[str, Callable[[dict], Any]] = {
            "/find": lambda asked: studio.find(asked["photo"], asked["word"], asked["prompts"]),
            "/draw": studio.draw,
            "/edit": studio.edit,
        }
        if self.path in calls:
            self._call(lambda: calls[self.path](json.loads(data)))
        else:
            self._answer(404, {"error": "no such thing"})

    def _is_local(self) -> bool:
        """Whether the request is for this host by its own name, and from no other site's page."""
        port = self.server.server_port  # type: ignore[attr-defined]
        names = {f"{name}:{port}" for name in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        own = origin is None or urlsplit(origin).netloc in names
        return self.headers.get("Host") in names and own

    def _call(self, call: Callable[[], Any]) -> None:
        """Answer with what a call gives, or with one line that says what is wrong: that is an
        answer of 200 too, because browsers log any other one as a fault of the page."""
        try:
            told = call()
            self._answer(200, {} if told is None else told)
        except ToffeeError as error:
            self._answer(200, {"error": str(error)})
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self._answer(200, {"error": f"not understood ({type(error).__name__}: {error})"})

    def _answer(self, status: int, content: Any) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _file(self, path: Path | None) -> None:
        if path is None or path.suffix not in KINDS or not path.is_file():
            self._answer(404, {"error": "no such thing"})
        else:
            self._send(200, KINDS[path.suffix], path.read_bytes())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        charset = "; charset=utf-8" if not kind.startswith("image") else ""
        self.send_header("Content-Type", kind + charset)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a page asks for its progress several times a second."""


def serve(studio: Studio, port: int) -> None:
    """Serve the page until Ctrl-C. Raises ToffeeError where the port is taken."""
    server = make_server(studio, port)
    print(f"http://{HOST}:{server.server_address[1]}  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        server.server_close()
        studio.close()
