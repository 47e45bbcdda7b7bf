"""What guards a run from its first line to its last.

Needs nothing. Gives `checked`, by which the other rule files stop with one line, and what the Snakefile
calls when all rules are there.
"""

import time

from toffee.launch.graceful import guard_sigterm
from toffee.launch.prepare import check_runtimes, prepare_rules
from toffee.launch.session import begin_run, check_targets, say_failures
from toffee.launch.targets import asks_for_report, checked

BEGIN = time.time()
ZOO_RESULTS = "results/zoo"

guard_sigterm()


onerror:
    say_failures([RESULTS, ZOO_RESULTS], BEGIN)
