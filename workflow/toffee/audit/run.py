"""The audit as a whole: the tiers in their order, up to the chosen one."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toffee.audit.content import check_bytes
from toffee.audit.findings import TIERS, Finding, verdict, write_findings
from toffee.audit.graph import check_graph
from toffee.audit.notes import Notes
from toffee.audit.plans import plan_newest
from toffee.audit.recompute import check_verdict
from toffee.audit.replay import check_replay, replayed_jobs
from toffee.audit.schema import check_schema
from toffee.provenance.attestation import root_digest
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError

DEFAULT_TIER = "graph"
DEFAULT_SAMPLE = 3


def audit(
    folder: str | Path,
    tier: str = DEFAULT_TIER,
    sample: int = DEFAULT_SAMPLE,
    jobs: Sequence[str] = (),
    seed: int | None = None,
    targets: Sequence[str] = (),
    say: Callable[[Finding], None] = lambda finding: None,
    network: bool = False,
    notes: Notes | None = None,
    key: Path | None = None,
) -> list[Finding]:
    """Check a results folder. Jobs are replayed only where the tiers before find nothing: what
    a record says is run then, and nobody vouches for a folder with findings.

    Args:
        folder: `results/<scale>`, here or copied elsewhere.
        tier: the last tier to check, one of `TIERS`; the ones before it are checked too.
        sample: jobs that tier replay runs again.
        jobs: names of the jobs that it runs instead (a rule, or a rule and its wildcards).
        seed: of the sample.
        targets: files whose chains alone are checked, while other jobs are at work in the folder.
        say: called with each finding, tier by tier.
        network: whether jobs that are replayed may reach a network.
        notes: takes lines about what was checked and what not.
        key: public key that has to have signed the folder's statement about its records.

    Returns:
        Findings by tier, then by file; none where all is well.

    Raises:
        ToffeeError: the folder has no records, or a job is unknown.
    """
    results, unrecorded = Results(folder), list[Finding]()
    if targets:
        written = [results.written(path) for path in targets]
        unrecorded = [_no_record(path) for path in written if not results.producer(path)]
        results = results.only(written)
    replayed_jobs(results, jobs, network)
    notes = notes or Notes()
    checks: dict[str, Callable[[], list[Finding]]] = {
        "schema": lambda: [*unrecorded, *check_schema(results, notes, key)],
        "bytes": lambda: check_bytes(results, notes),
        "graph": lambda: check_graph(results, notes, newest.result),
        "replay": lambda: check_replay(results, sample, jobs, seed, network, notes),
    }
    findings: list[Finding] = []
    # Snakemake plans in a process of its own, while the tiers before are checked.
    with ThreadPoolExecutor(1) as thread:
        if TIERS.index(tier) >= TIERS.index("graph"):
            newest = thread.submit(plan_newest, results)
        for number, name in enumerate(TIERS):
            if number > TIERS.index(tier):
                notes.add(f"{name}: not checked (--tier {name})")
            elif name == "replay" and findings:
                notes.add(f"{name}: not checked, no job runs again where there are findings")
            else:
                found = checks[name]()
                if name == "graph":
                    found += check_verdict(results, [*findings, *found])
                for finding in sorted(found):
                    findings.append(finding)
                    say(finding)
    if results.whole:
        count = len(results.records) + len(results.earlier)
        notes.add(f"root digest of {count} records: sha256:{root_digest(results)}")
    return findings


def chosen_tier(
    tier: str | None,
    sample: int | None,
    jobs: Sequence[str],
    seed: int | None = None,
    network: bool = False,
) -> str:
    """The last tier that a command line asks for: jobs that are counted or named are for replay.

    Args:
        tier: as given, or None.
        sample: how many jobs are to run again, or None.
        jobs: names of jobs that are to run again.
        seed, network: how they are chosen and run, see `audit`.

    Raises:
        ToffeeError: options are for jobs that run again, and no job is to; or for a sample, and the
            jobs are named.
    """
    replay = TIERS[-1]
    for option, value in {"--sample": sample, "--seed": seed}.items():
        if jobs and value is not None:
            raise ToffeeError(f"{option} is for a sample of the jobs, found --job; give only one")
    if sample is None and not jobs:
        given = {"--seed": seed is not None, "--allow-network": network}
        for option in (name for name, is_given in given.items() if is_given and tier != replay):
            found, also = f"--tier {tier}", "only one"
            if tier is None:
                found, also = f"tier {DEFAULT_TIER}", f"--sample or --tier {replay} too"
            raise ToffeeError(f"{option} is for tier {replay}, found {found}; give {also}")
        return tier or DEFAULT_TIER
    if tier not in (None, replay):
        option = "--job" if jobs else "--sample"
        raise ToffeeError(f"{option} is for tier {replay}, found --tier {tier}; give only one")
    return replay


def _no_record(path: str) -> Finding:
    return Finding("schema", path, "a record of the job that wrote it", "none")


def write_verdict(results: str | Path, targets: Sequence[str], out: str | Path) -> None:
    """Write what an audit of files and all that they were made from finds; it fails nothing."""
    write_findings(audit(results, targets=targets), out)


def require_clean(results: str | Path) -> None:
    """Print what an audit finds.

    Raises:
        ToffeeError: something was found.
    """
    findings = audit(results, say=print)
    if findings:
        raise ToffeeError(
            f"{results}: {len(findings)} findings, the worst of tier {verdict(findings)}"
        )
