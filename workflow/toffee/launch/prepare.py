"""What the Snakefile does with its rules when all of them are there: their params are completed,
and what they ask of a cluster is looked at."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from toffee.config import Config
from toffee.data.importers.sources import source_folder
from toffee.launch.adopt import ONLY_PLANNING
from toffee.launch.call import FUNCTION, check_rule, signature
from toffee.launch.params import leaves, named
from toffee.launch.targets import checked, stop
from toffee.provenance.code import code_digest, module_file
from toffee.provenance.paths import canonical
from toffee.provenance.sources import fingerprint

SIGNAL_LEAD = 60  # seconds; SLURM's own where --signal names none


def prepare_rules(rules: Iterable[Any], config: Config, results: str, shows_code: bool) -> None:
    """Compare every rule with its function, add the digest of the code that it runs to its params,
    split groups of settings into single values, and give every param its name, which Snakemake
    leaves out when it compares them.

    Args:
        rules: Snakemake's.
        config: the run's configuration.
        results: its results folder.
        shows_code: whether each rule is to name the module of its function as its script, which
            Snakemake's own report shows.
    """
    for one in rules:
        params, fields = dict(one.params.items()), {}
        if FUNCTION in params:
            names = one.input.keys(), one.output.keys(), one.wildcard_names
            checked(check_rule, one.name, params[FUNCTION], params, *names)
            fields = {name: a.fields for name, a in signature(params[FUNCTION]).items()}
            if read := sources_of(params, one.input, config, results):
                params["sources_digest"] = fingerprints(read, results)
            params["code"] = digest_when_planned(params[FUNCTION])
            if shows_code:
                one.script = str(checked(module_file, params[FUNCTION].rsplit(".", 1)[0]))
        one.params.__init__()  # its `clear` keeps the names
        for name, value in params.items():
            for leaf, part in leaves(name, value, fields.get(name)).items():
                one.set_params(**{leaf: checked(named, leaf, part)})


def sources_of(
    params: Mapping[str, Any], inputs: Iterable[object], config: Config, results: str
) -> list[str]:
    """What a rule reads from elsewhere: folders and files that are used where they are, and what an
    importer reads, which is no input. Of what jobs of this run wrote there are records."""
    real, source = config.data.real, params.get("source")
    folders = ("subjects", "multiview", "multiview_heldout", "benchmark")
    given = {str(real.given(name)) for name in folders}
    read = sorted({str(path) for path in inputs} & given)
    if isinstance(source, dict) and (source.get("path") or source.get("repo")):
        read += filter(None, [source_folder(source)])
    return [path for path in read if not str(path).startswith(f"{results}/")]


def fingerprints(paths: Iterable[str], results: str) -> Any:
    """A param that changes when one of these folders or files does; jobs alone compute it."""

    def value(wildcards: Any) -> dict[str, str | None]:
        return {canonical(path): checked(fingerprint, str(path), results) for path in paths}

    return value


def digest_when_planned(function: str) -> Any:
    """A param that is the digest of a function's code. It is computed when Snakemake plans a job of
    the rule: most processes plan few rules, that of a job one, and all digests take a second."""

    def value(wildcards: Any) -> str:
        # An audit compares code by itself, module by module.
        return "" if ONLY_PLANNING in os.environ else checked(code_digest, function)

    return value


def check_runtimes(rules: Iterable[Any]) -> None:
    """Leave with one line where SLURM would tell a job to stop as soon as it begins: where its time
    is not longer than the lead of the signal that precedes its end.

    The steps of a shard, whose times add up where they are one submission, are looked at one by
    one: which rules are submitted together, Snakemake says only later.

    Args:
        rules: Snakemake's.
    """
    for one in rules:
        runtime, lead = _time_asked(one) if FUNCTION in dict(one.params.items()) else (0, 0)
        if runtime and runtime * 60 <= lead:
            stop(
                f"rule {one.name}: its runtime of {runtime} min (set-resources: {one.name}: "
                f"runtime) is not longer than the {lead} s before its end at which SLURM tells it "
                "to stop (slurm_extra: --signal)"
            )


def signal_lead(extra: str) -> int | None:
    """Seconds before a job's end at which SLURM sends the signal that `sbatch --signal` names.

    Args:
        extra: options of sbatch; None is given where no signal is among them.
    """
    found = re.search(r"--signal[= ]\S*?(?:@(\d+))?(?=[\s'\"]|$)", extra)
    return int(found[1] or SIGNAL_LEAD) if found else None


def _time_asked(rule: Any) -> tuple[int, int]:
    """The minutes that a rule's first submission asks for, and its signal's lead in seconds; 0
    where there is none."""
    from snakemake.iocontainers import Namedlist

    skipped = set(rule.resources.keys()) - {"runtime", "slurm_extra", "_cores"}
    asked = rule.expand_resources(Namedlist(), Namedlist(), 1, skip_evaluation=skipped)
    runtime = asked.get("runtime")
    lead = signal_lead(str(asked.get("slurm_extra", "")))
    return runtime if isinstance(runtime, int) else 0, lead or 0
