"""The encoded data set: its rows, and that nothing is encoded twice."""

import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from toffee.runtime.signals import Interrupted, defer_sigterm, raise_on_sigterm
from toffee.training import encoded
from toffee.training.encoded import BATCHES, encode

SPANS = [range(first, first + 3) for first in range(0, 3 * (2 * BATCHES + 5), 3)]
COUNT = 3 * len(SPANS)


class Encoder:
    """Encodes a row as its number and whether that is even; may be killed or asked to stop."""

    def __init__(self, kill_at: int | None = None, stop_at: int | None = None) -> None:
        self.kill_at, self.stop_at, self.spans = kill_at, stop_at, []

    def __call__(self, span: range) -> dict[str, torch.Tensor]:
        if len(self.spans) == self.kill_at:
            raise KeyboardInterrupt
        if len(self.spans) == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        self.spans.append(span)
        number = torch.tensor(span)
        return {"number": number[:, None].half().expand(-1, 2), "even": number % 2 == 0}


def columns(folder, encoder=None):
    return encode(folder, SPANS, encoder or Encoder(), "encode")


def test_rows_come_in_the_order_that_they_are_asked_for(tmp_path):
    data = columns(tmp_path)
    rows = torch.randint(COUNT, (200,), generator=torch.Generator().manual_seed(0))
    rows = torch.cat([rows, torch.tensor([0, COUNT - 1, 3 * BATCHES - 1, 3 * BATCHES])])
    assert data["number"].shape == (COUNT, 2) and len(data["even"]) == COUNT
    assert data["number"].shape[1:] == (2,)
    assert torch.equal(data["number"][rows], rows[:, None].half().expand(-1, 2))
    assert torch.equal(data["even"][rows], rows % 2 == 0)
    assert data["number"][rows].dtype == torch.half


def test_rows_of_half_precision_can_be_read_in_a_mixed_precision_step(tmp_path):
    """A CPU's autocast refuses to stack them."""
    data = columns(tmp_path)
    with torch.autocast("cpu", torch.bfloat16):
        found = data["number"][torch.tensor([0, 5])]
    assert found.dtype == torch.half and found[:, 0].tolist() == [0, 5]


def test_what_is_encoded_is_not_encoded_again(tmp_path):
    first = columns(tmp_path)
    again = Encoder()
    second = columns(tmp_path, again)
    assert again.spans == []
    rows = torch.arange(COUNT)
    assert torch.equal(first["number"][rows], second["number"][rows])


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_requeued_job_encodes_the_parts_that_are_missing(tmp_path, end):
    at = BATCHES + 2  # within the second part
    with (
        pytest.raises((KeyboardInterrupt, Interrupted)) as ended,
        raise_on_sigterm(),
        defer_sigterm(),
    ):
        columns(tmp_path, Encoder(**{f"{end}_at": at}))
    if end == "stop":
        assert str(ended.value) == f"1 of 3 encoded parts are kept in {tmp_path}"
    rest = Encoder()
    data = columns(tmp_path, rest)
    assert rest.spans == SPANS[BATCHES:]
    assert torch.equal(data["number"][torch.arange(COUNT)][:, 0], torch.arange(COUNT).half())


def test_a_damaged_part_is_encoded_again(tmp_path, capsys):
    columns(tmp_path)
    part = tmp_path / "00001.safetensors"
    part.write_bytes(part.read_bytes()[:-1])
    again = Encoder()
    columns(tmp_path, again)
    assert again.spans == SPANS[BATCHES : 2 * BATCHES]
    assert capsys.readouterr().err.count(f"{part}: damaged (") == 1


def test_processes_share_the_parts_out_and_each_sees_all_rows(tmp_path, monkeypatch):
    """Three processes, one after the other: the last finds what the others have made."""
    spans = []
    for place in range(3):
        encoder = Encoder()
        own = type("Team", (), {"process_index": place, "num_processes": 3})
        with monkeypatch.context() as patch:
            patch.setattr(encoded, "team", lambda own=own: own)
            if place < 2:  # they would wait for the others
                patch.setattr(encoded, "sum_over_processes", lambda *values: [1.0])
                with pytest.raises(Interrupted):
                    columns(tmp_path, encoder)
            else:
                data = columns(tmp_path, encoder)
        spans.append(encoder.spans)
    assert spans == [SPANS[:BATCHES], SPANS[BATCHES : 2 * BATCHES], SPANS[2 * BATCHES :]]
    assert all(load_file(path) for path in tmp_path.iterdir())
    assert torch.equal(data["even"][torch.arange(COUNT)], torch.arange(COUNT) % 2 == 0)
