"""Calls in the background: in order, bounded, and none after one that failed."""

import threading

import pytest

from toffee.runtime.background import BackgroundWorker


def test_calls_are_made_in_order_by_one_thread():
    made, worker = [], BackgroundWorker()
    for number in range(20):
        worker.submit(lambda number: made.append((number, threading.get_ident())), number)
    worker.wait()
    assert [number for number, _ in made] == list(range(20))
    assert len({thread for _, thread in made} | {threading.get_ident()}) == 2


def test_the_caller_is_at_most_so_far_ahead():
    gate, worker, started = threading.Event(), BackgroundWorker(ahead=2), threading.Event()
    worker.submit(gate.wait)
    worker.submit(gate.wait)
    third = threading.Thread(target=lambda: (started.set(), worker.submit(gate.wait)))
    third.start()
    started.wait()
    third.join(0.1)
    assert third.is_alive()  # it waits for the first
    gate.set()
    third.join()
    worker.wait()


def test_after_a_failure_no_call_is_made_and_the_caller_gets_the_error():
    made, worker = [], BackgroundWorker(ahead=3)

    asked = threading.Event()

    def fail():
        asked.wait()
        raise KeyError("lost")

    worker.submit(fail)
    worker.submit(made.append, 1)
    asked.set()
    with pytest.raises(KeyError, match="lost"):
        worker.wait()
    worker.submit(made.append, 2)
    worker.close()
    assert made == []
