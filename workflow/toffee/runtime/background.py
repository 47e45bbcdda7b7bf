"""Calls that a thread makes in the background, one after the other."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Made = TypeVar("Made")


def call_ahead(make: Callable[[], Made], count: int) -> Generator[Made]:
    """The results of `count` calls, in order. A thread makes each call while the result before it
    is used. What a call raises is raised in its place, and none is made after it."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make) if count else None
        for left in reversed(range(count)):
            assert coming is not None
            made = coming.result()
            coming = thread.submit(make) if left else None
            yield made


class BackgroundWorker:
    """One thread that makes calls one after the other. After a call that raised, it makes no more.

    Args:
        ahead: how many calls may wait or run; a further one waits until the first of them ended.
    """

    def __init__(self, ahead: int = 2) -> None:
        self.ahead = ahead
        self._thread = ThreadPoolExecutor(1)
        self._pending: deque[Future[None]] = deque()
        self._failed = False

    def submit(self, function: Callable[..., None], *arguments: Any) -> None:
        """Submit a call. Raises what an earlier one raised."""
        while self._pending and (self._pending[0].done() or len(self._pending) >= self.ahead):
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(self._call, function, arguments))

    def wait(self) -> None:
        """Wait until all calls are made. Raises what one of them raised."""
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Wait until the thread has made its calls, and end it. Raises nothing."""
        self._thread.shutdown(wait=True)

    def _call(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if self._failed:
            return
        try:
            function(*arguments)
        except BaseException:
            self._failed = True
            raise
