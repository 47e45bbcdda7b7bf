"""torchrun as a job needs it: `python -m toffee.training.torchrun JOB PROCESSES CALL`.

It neither outlives the job, whose process number is JOB, nor reports for it: workers leave notes
(see `worker`). SIGTERM, which a cluster sends to every process, it leaves to the workers: they
stop at a common step and may need longer to save it than torchrun waits.
"""

import logging
import os
import signal
import sys

from toffee.runtime.interruption import die_with_parent
from toffee.training import worker


def main(job: str, processes: str, call: str) -> None:
    """Run the workers of a call, and end with status 1 if one of them did not end well."""
    die_with_parent()
    if os.getppid() != int(job):
        sys.exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.disable(logging.ERROR)
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    options = ["--standalone", f"--nproc-per-node={processes}"]
    options += ["--signals-to-handle=SIGINT,SIGHUP,SIGQUIT"]
    try:
        run.main([*options, "-m", worker.__name__, call])
    except ChildFailedError:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
