"""Calls the function that a rule names in its param `function`. The `script:` of every rule."""

import signal

# Until the job can say what is kept of it, Ctrl-C ends it as SIGTERM does: without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from toffee.launch.job import run_job  # noqa: E402

if __name__ == "__main__":
    run_job(snakemake)
