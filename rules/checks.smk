"""What guards a run from its first line to its last.

Needs nothing. Gives `checked`, by which the other rule files stop with one line, and what the Snakefile
calls when all rules are there.
"""

import time

from toffee.launch.graceful import guard_clean_up, guard_sigterm
from toffee.launch.prepare import check_runtimes, prepare_rules
from toffee.launch.session import (
    begin_run,
    check_targets,
    refuse_whole_machines,
    say_failures,
)
from toffee.launch.targets import asks_for_report, checked, only_looks, plans_jobs_of

BEGIN = time.time()
ZOO_RESULTS = "results/zoo"

guard_sigterm()
guard_clean_up()


def check_sources(jobs):
    """Leave before any job starts where something is missing that one of them fetches."""
    from toffee.plan.preflight import check_start  # not needed to plan

    names = [(job.rule.name, dict(job.wildcards_dict), [*job.input.keys()]) for job in jobs]
    if not check_start(names, CONFIG, MODELS):
        raise SystemExit(1)


onstart:
    # Before any job: is all there that the first ones fetch?
    if workflow.is_main_process and not only_looks(sys.argv):
        check_sources(workflow.dag.needrun_jobs())


onerror:
    say_failures([RESULTS, ZOO_RESULTS], BEGIN)
