"""Calls behind the caller: in order, bounded, and none after one that failed."""

import threading

import pytest

from toffee.runtime.background import Behind


def test_calls_are_made_in_order_by_one_thread():
    made, behind = [], Behind()
    for number in range(20):
        behind.call(lambda number: made.append((number, threading.get_ident())), number)
    behind.wait()
    assert [number for number, _ in made] == list(range(20))
    assert len({thread for _, thread in made} | {threading.get_ident()}) == 2


def test_the_caller_is_at_most_so_far_ahead():
    gate, behind, started = threading.Event(), Behind(ahead=2), threading.Event()
    behind.call(gate.wait)
    behind.call(gate.wait)
    third = threading.Thread(target=lambda: (started.set(), behind.call(gate.wait)))
    third.start()
    started.wait()
    third.join(0.1)
    assert third.is_alive()  # it waits for the first
    gate.set()
    third.join()
    behind.wait()


def test_after_a_failure_nothing_is_made_and_the_caller_is_told():
    made, behind = [], Behind(ahead=3)

    asked = threading.Event()

    def fail():
        asked.wait()
        raise KeyError("lost")

    behind.call(fail)
    behind.call(made.append, 1)
    asked.set()
    with pytest.raises(KeyError, match="lost"):
        behind.wait()
    behind.call(made.append, 2)
    behind.close()
    assert made == []
