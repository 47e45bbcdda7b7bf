"""Work that is done behind the caller, by a thread, in the order in which it was given."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Behind:
    """Calls made one after the other by a thread. After one that raised, none is made any more.

    Args:
        ahead: how many calls may wait or run; a further one waits until the first of them ended.
    """

    def __init__(self, ahead: int = 2) -> None:
        self.ahead = ahead
        self._thread = ThreadPoolExecutor(1)
        self._pending: deque[Future] = deque()
        self._failed = False

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Hand a call over. Raises what an earlier one raised."""
        while self._pending and (self._pending[0].done() or len(self._pending) >= self.ahead):
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(self._make, function, arguments))

    def wait(self) -> None:
        """Wait until all calls are made. Raises what one of them raised."""
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Wait until the thread has made its calls, and end it. Raises nothing."""
        self._thread.shutdown(wait=True)

    def _make(self, function: Callable[..., None], arguments: tuple) -> None:
        if self._failed:
            return
        try:
            function(*arguments)
        except BaseException:
            self._failed = True
            raise
