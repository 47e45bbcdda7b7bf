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
import socket
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

from answers import BLOCK, Fault, files_of, handler


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
