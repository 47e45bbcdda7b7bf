"""Writes a crate: what the whole run is, around its files and jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from toffee.provenance.crate.files import Files
from toffee.provenance.crate.graph import METADATA, ROOT, Graph, local, relative
from toffee.provenance.crate.jobs import COMPLETED, RUN, Jobs
from toffee.provenance.crate.source import PACKAGE, copy_source
from toffee.provenance.digests import describe
from toffee.provenance.paths import CONFIGS, RECORDS
from toffee.provenance.record import LOCK, stamp
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT

CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
PIP = "https://pip.pypa.io/en/stable/reference/requirements-file-format/"
SNAKEMAKE = "https://snakemake.github.io"
SHARDS = "dataset/shards/"
INDEX = "dataset/index.parquet"


def write_crate(
    results: Path,
    out: Path,
    source: Path,
    project: Path = PROJECT,
    targets: Sequence[str] = (),
) -> None:
    """Describe a results folder by the records that lie in it, as a Workflow Run RO-Crate.

    RO-Crate 1.1, profile Provenance Run Crate 0.5. The crate's root is the results folder. Every
    file that a job wrote is in it, with SHA-256 and size; the same records give the same bytes.

    Args:
        results: the results folder.
        out: the metadata file, `ro-crate-metadata.json` in the results folder.
        source: a folder of the results folder, for a copy of the workflow (see `source`).
        project: the checkout that is copied.
        targets: files whose jobs, and those that they depend on, are the only ones
            described; an older page or verdict in the folder is replaced after this.

    Raises:
        ToffeeError: there are no records, one of them is not valid, or `out` and `source` lie
            elsewhere.
    """
    results, out, source = Path(results), Path(out), Path(source)
    whole = Results(results, project)
    found = whole.only([whole.written(path) for path in targets]) if targets else whole
    if found.problems:
        path, expected, was = found.problems[0]
        raise ToffeeError(f"{path}: expected {expected}, found {was}")
    if not found.records:
        raise ToffeeError(f"{results / RECORDS}: no records, expected those of a run")
    if out != results / METADATA or source.parent != results:
        raise ToffeeError(f"{out}, {source}: expected {METADATA} and a folder in {results}")
    copy_source(Path(project), source)
    write_text(out, describe_run(found, source, whole.left_over(found)).text())


def describe_run(results: Results, source: Path, left: Mapping[str, int] | None = None) -> Graph:
    """The crate of some records, and of a copy of the workflow below the results folder.

    left: jobs of the folder that are not described, by rule; named in the crate's description.
    """
    graph = Graph()
    files = Files(graph, results)
    cite = yaml.safe_load((source / "CITATION.cff").read_text(encoding="utf-8"))
    workflow = relative(f"{source.name}/Snakefile")
    _add_root(graph, results, cite, workflow, left or {})
    files.add_copy(source.name, describe(source), PACKAGE)
    _add_workflow(graph, source, cite, workflow)
    configs = _add_records(graph, files, results)
    jobs = Jobs(graph, files, source, workflow)
    files.add_outputs()
    for name, record in results.records.items():
        jobs.add(name.removesuffix(".json"), record)
    _add_run(graph, results, jobs, workflow, configs)
    _add_shards(graph)
    return graph


def _add_root(
    graph: Graph,
    results: Results,
    cite: dict[str, Any],
    workflow: str,
    left: Mapping[str, int],
) -> None:
    others = ", ".join(f"{count} × {rule}" for rule, count in left.items())
    graph.add(METADATA, "CreativeWork", about={ROOT}, conformsTo={CRATE, WORKFLOW_CRATE})
    for profile, (name, number) in PROFILES.items():
        graph.add(profile, "CreativeWork", name=name, version=number)
    licence = graph.add(
        f"https://spdx.org/licenses/{cite['license']}",
        "CreativeWork",
        name=cite["license"],
        description="Of the workflow; photographs and models from elsewhere keep theirs.",
    )
    authors = {
        graph.add(local("author", one["name"]), "Organization", name=one["name"])
        for one in cite["authors"]
    }
    graph.add(
        ROOT,
        "Dataset",
        name=f"{cite['title']}: {results.root}",
        description="What a run of the workflow wrote, and which job wrote it from what. The "
        f"record of each job is in {RECORDS}/; an action's identifier is its record's digest."
        + (f" In this folder too, and not described: {others}." if others else ""),
        datePublished=stamp(max(one.end for one in results.records.values()).timestamp()),
        license={licence},
        author=authors,
        conformsTo=set(PROFILES),
        mainEntity={workflow},
    )


def _add_workflow(graph: Graph, source: Path, cite: dict[str, Any], workflow: str) -> None:
    language = graph.add(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "ComputerLanguage",
        name="Snakemake",
        url=SNAKEMAKE,
        identifier=SNAKEMAKE,
    )
    lock = graph.add(relative(f"{source.name}/{LOCK.as_posix()}"), conformsTo={PIP})
    graph.add(
        workflow,
        "SoftwareSourceCode",
        "ComputationalWorkflow",
        "HowTo",
        description=cite["title"],
        version=str(cite["version"]),
        conformsTo={BIOSCHEMAS},
        programmingLanguage={language},
        buildInstructions={lock},
    )


def _add_records(graph: Graph, files: Files, results: Results) -> set[str]:
    """Add the folder of records; returns the `@id`s of the configurations in it.

    The folder has no digest: the record of the job that writes this crate comes into it later.
    """
    folder = graph.add(f"{RECORDS}/", "Dataset", name=RECORDS, description="the record of each job")
    graph.add(ROOT, hasPart={folder})
    names = {f"{RECORDS}/{CONFIGS}/{one.config}.json" for one in results.records.values()}
    return {files.file(name, describe(results.folder / name), folder) for name in names}


def _add_run(graph: Graph, results: Results, jobs: Jobs, workflow: str, configs: set[str]) -> None:
    """Add the run as a whole: from what no job wrote to what no job read."""
    parameter = graph.add(
        local("parameter", "workflow", "configuration"),
        "FormalParameter",
        name="configuration",
        additionalType="File",
    )
    for config in configs:
        graph.add(config, exampleOfWork={parameter})
    sources, products = jobs.read - jobs.written, jobs.written - jobs.read
    parameters = [
        {one for data in side for one in graph.entities[data]["exampleOfWork"]}
        for side in (sources, products)
    ]
    graph.add(workflow, input=parameters[0] | {parameter}, output=parameters[1])
    records = results.records.values()
    times = {
        "startTime": stamp(min(one.start for one in records).timestamp()),
        "endTime": stamp(max(one.end for one in records).timestamp()),
    }
    run = graph.add(
        local("workflow-run"),
        "CreateAction",
        name=f"run of the workflow for {results.root}",
        description=f"{len(results.records)} jobs",
        instrument={workflow},
        object=sources | configs,
        result=products,
        actionStatus=COMPLETED,
        **times,
    )
    engine = graph.add(
        SNAKEMAKE,
        "SoftwareApplication",
        name="Snakemake",
        softwareVersion=version("snakemake"),
        url=SNAKEMAKE,
    )
    graph.add(
        RUN,
        "OrganizeAction",
        name="Snakemake's run of the jobs",
        instrument={engine},
        result={run},
        **times,
    )
    graph.add(ROOT, mentions={run})


def _add_shards(graph: Graph) -> None:
    """Add the collection of the dataset's shards; its index says what is in them."""
    shards = {name for name in graph.entities if name.startswith(SHARDS)}
    if shards:
        index = {INDEX} & graph.entities.keys()
        collection = graph.add(
            local("shards"),
            "Collection",
            name="the dataset's shards",
            hasPart=shards | index,
            mainEntity=index,
        )
        graph.add(ROOT, mentions={collection})
