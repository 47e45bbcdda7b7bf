"""torchrun, adapted: `python -m toffee.training.torchrun JOB PROCESSES CALL`.

It dies with the job, whose process number is JOB, and prints no report: the workers write notes
(see `worker`). It ignores SIGTERM, which a cluster sends to every process: the workers stop at a
common step, and may need longer to save than torchrun would wait.
"""

import logging
import os
import signal
import sys

from toffee.runtime.signals import die_with_parent
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
