"""Checks of the configuration, the targets and the rules, in one line where something is wrong.

Needs nothing. Gives `checked`, and what the Snakefile calls when all rules are there.
"""

import time

from snakemake.common.configfile import load_configfile

from toffee.provenance.code import code_digest, module_file
from toffee.provenance.paths import canonical
from toffee.provenance.sources import fingerprint
from toffee.data.importers.sources import source_folder
from toffee.provenance.machine import name_of, note_run
from toffee.runtime.errors import ToffeeError
from toffee.launch.adopt import adopt
from toffee.launch.graceful import guard_sigterm
from toffee.launch.failures import failures, format_failures
from toffee.launch.call import FUNCTION, check_rule, signature
from toffee.launch.looking import write_nothing
from toffee.launch.params import leaves, named
from toffee.launch.takeover import take_over
from toffee.launch.targets import (
    asks_for_report,
    only_looks,
    requested,
    stop,
    unknown_target,
    writes_nothing,
)

BEGIN = time.time()
ZOO_RESULTS = "results/zoo"

guard_sigterm()


onerror:
    found = [one for root in (RESULTS, ZOO_RESULTS) for one in failures(root, BEGIN)]
    print(format_failures(found), file=sys.stderr, end="")


def checked(function, *arguments):
    """Call a check; what it finds wrong is one line on stderr, before any rule runs."""
    try:
        return function(*arguments)
    except ToffeeError as error:
        stop(error)


def prepare_rules():
    """Compare every rule with its function, add the digest of the code that it runs to its params,
    split groups of settings into single values, and give every param its name, which Snakemake
    leaves out when it compares them."""
    shows_code = asks_for_report(sys.argv)
    for one in workflow.rules:
        params, fields = dict(one.params.items()), {}
        if FUNCTION in params:
            names = one.input.keys(), one.output.keys(), one.wildcard_names
            checked(check_rule, one.name, params[FUNCTION], params, *names)
            fields = {name: a.fields for name, a in signature(params[FUNCTION]).items()}
            if read := sources_of(params, one.input):
                params["sources_digest"] = fingerprints(read)
            params["code"] = checked(code_digest, params[FUNCTION])
            if shows_code:
                one.script = str(checked(module_file, params[FUNCTION].rsplit(".", 1)[0]))
        one.params.__init__()  # its `clear` keeps the names
        for name, value in params.items():
            for leaf, part in leaves(name, value, fields.get(name)).items():
                one.set_params(**{leaf: checked(named, leaf, part)})


def sources_of(params, inputs):
    """What a rule reads from elsewhere. These are folders and files that are used where they are, and
    what an importer reads, which is no input. Of what jobs of this run wrote there are records."""
    real, source = CONFIG.data.real, params.get("source")
    folders = ("subjects", "multiview", "multiview_heldout", "benchmark")
    given = {str(real.given(name)) for name in folders} if CONFIG.data.source == "real" else set()
    read = sorted({str(path) for path in inputs} & given)
    if isinstance(source, dict) and (source.get("path") or source.get("repo")):
        read += filter(None, [source_folder(source)])
    return [path for path in read if not str(path).startswith(f"{RESULTS}/")]


def fingerprints(paths):
    """A param that changes when one of these folders or files does; jobs alone compute it."""

    def value(wildcards):
        return {canonical(path): checked(fingerprint, str(path), RESULTS) for path in paths}

    return value


def note_command_line():
    """Tell the jobs how Snakemake was called: their records say it."""
    given = workflow.config_settings
    files = [(name_of(path), load_configfile(path)) for path in given.configfiles]
    words = ["snakemake", *sys.argv[1:]]
    note_run(words, given.config, files, workflow.is_main_process)


def adopt_results():
    """Give Snakemake what copied results were made with; only the process that plans does it."""
    if not workflow.is_main_process:
        return
    looks = writes_nothing(sys.argv)
    adopted = checked(adopt, RESULTS, ".snakemake", not looks)
    if looks:
        write_nothing(adopted)
    if adopted.jobs:
        print(f"{RESULTS}: {adopted.jobs} jobs are known from their records", file=sys.stderr)


def take_over_results():
    """After a kill of Snakemake the next one needs no `--unlock`, and no other job writes."""
    if workflow.is_main_process and not only_looks(sys.argv):
        for root in (RESULTS, ZOO_RESULTS):
            checked(take_over, root)


def check_targets():
    """Stop with one line where a target is neither a rule nor a file that exists or can be made."""
    rules_by_name = {one.name: one for one in workflow.rules}
    for target in requested(sys.argv):
        path = os.path.relpath(target)
        known = target in rules_by_name or os.path.exists(target)
        if not known and not any(one.is_producer(path) for one in workflow.rules):
            steps = sorted(name for name, one in rules_by_name.items() if not one.output)
            stop(unknown_target(path, steps, CONFIG.scale))
