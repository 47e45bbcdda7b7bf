"""Where models compute: on the GPU of this process, or on the CPU where there is none.

Models live there. Their inputs and outputs are on the CPU, and so is every random draw: a seed
gives the same noise on every machine.
"""

import os

import torch


def device() -> torch.device:
    """The GPU of this process, counted within its machine by LOCAL_RANK, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
