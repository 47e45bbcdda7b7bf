"""A small run whose records are made as every job's are: six jobs from downloads to a table.

The jobs have the names of real rules, so that their code is the checkout's; what they write is
small and made up, and what they read is their own. `plan` stands for what Snakemake plans.
"""

import json
import re
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from toffee.download.model import manifest_files, write_manifest
from toffee.launch.dag import Job
from toffee.launch.job import job
from toffee.launch.rerun import recorded_job
from toffee.provenance.code import code_digest, rule_functions
from toffee.provenance.machine import LOCK, RUN, pins
from toffee.provenance.record import files_of, seal
from toffee.runtime.project import PROJECT

ROOT = "results/tiny"
SHARD = f"{ROOT}/dataset/shards/00000.h5"
INDEX = f"{ROOT}/dataset/index.parquet"
MODEL = f"{ROOT}/models/clip"
TABLE = f"{ROOT}/tables/dataset.csv"
PAGE = f"{ROOT}/site"
BESIDE = "files beside records"

JOBS = [
    ("download_model", {"zoo": ["zoo/clip/config.json"]}, {"out": MODEL}, {"role": "clip"}),
    ("write_subjects", {}, {"subjects": f"{ROOT}/world/subjects"}, {}),
    (
        "score_shard",
        {"subjects": f"{ROOT}/world/subjects", "clip": MODEL},
        {"shard": SHARD},
        {"shard": "00000"},
    ),
    (
        "filter_dataset",
        {"shards": [SHARD]},
        {"index": INDEX, "funnel": f"{ROOT}/dataset/funnel.csv"},
        {},
    ),
    (
        "tabulate_dataset",
        {"index": INDEX, "funnel": f"{ROOT}/dataset/funnel.csv"},
        {"csv": TABLE, "markdown": f"{ROOT}/tables/dataset.md"},
        {},
    ),
    ("write_site", {"tables": [TABLE]}, {"out": PAGE}, {}),
]
HANDED_OVER = ("rule", "input", "output", "params", "wildcards", "threads", "log")
CONFIG = {"scale": "tiny"}
FOLDERS = {MODEL: "config.json", f"{ROOT}/world/subjects": "ball.jpg", PAGE: "index.html"}


class Run:
    """A finished run in a folder, and ways to spoil it."""

    def __init__(self, project: Path) -> None:
        self.project, self.folder = project, project / ROOT

    def path(self, name: str) -> Path:
        """A file as records write it."""
        return self.project / name

    def record(self, name: str) -> Path:
        """The record behind an output."""
        return self.folder / "records" / f"{Path(name).relative_to(ROOT)}.json"

    def edit(self, name: str, change, sealed: bool = True) -> None:
        """Change the content of a record; `sealed` makes its own digest right again."""
        path = self.record(name)
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(seal(content) if sealed else content))

    def forge(self, change, logs: bool = True) -> None:
        """Change the content of every record that `change` wants to, and make all digests right
        again, of the records that follow and, by default, in the logs too."""
        paths = (path for path in (self.folder / "records").rglob("*.json"))
        found = [(path, json.loads(path.read_text())) for path in paths]
        records = [(path, content) for path, content in found if "rule" in content]
        new = {}
        for path, content in sorted(records, key=lambda one: one[1]["start"]):
            change(content)
            for read in content["inputs"].values():
                read["record"] = new.get(read.get("record"), read.get("record"))
            before = content["sha256"]
            sealed = seal(content)
            new[before] = sealed["sha256"]
            path.write_text(json.dumps(sealed))
            log = self.project / str(content["log"])
            if logs and log.is_file():
                named = f"record {sealed['sha256'][:16]}"
                log.write_text(re.sub(r"record [0-9a-f]{16}$", named, log.read_text()))


def play(name: str, inputs: dict, outputs: dict, wildcards: dict, text: str = "") -> None:
    """Do a job in the working directory: its outputs say what it is, `text` and what it read."""
    planned = planned_job(name, inputs, outputs, wildcards)
    record = {key: value for key, value in asdict(planned).items() if key in HANDED_OVER}
    with job(recorded_job(record, CONFIG)):
        for path in outputs.values():
            file = Path(path, FOLDERS[path]) if path in FOLDERS else Path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content(name, path, f"{name} {text} of {'+'.join(files_of(inputs))}"))


def planned_job(
    name: str, inputs: dict, outputs: dict, wildcards: dict, zoo: Path = Path("zoo")
) -> Job:
    """A job as Snakemake plans it."""
    function = rule_functions()[name]
    params = {"function": function, "code": code_digest(function), "seed": 0}
    if name == "download_model":
        digests = {f: e["sha256"] for f, e in manifest_files(zoo, "clip").items()}
        params |= {"source": {"zoo": "clip"}, "zoo": "zoo", "digests": digests}
    place = "/".join([name, *wildcards.values()])
    log, benchmark = f"{ROOT}/logs/{place}.log", f"{ROOT}/benchmarks/{place}.tsv"
    return Job(name, wildcards, params, inputs, outputs, log, True, benchmark)


def content(name: str, path: str, text: str) -> str:
    """What a job writes into an output."""
    if name == "download_model":
        return Path("zoo/clip/config.json").read_text()
    if path == TABLE:
        head = "method,setting,metric,value,stderr,n,source"
        return f"{head}\nall,{text},pairs,3,,,measured\n"
    return f"{text}\n"


def as_if_released(patch: pytest.MonkeyPatch) -> None:
    """The run is one of a committed checkout with the pinned packages, whatever is here."""
    state = {"commit": "c" * 40, "changed": False}
    patch.setattr("toffee.provenance.record.git_state", lambda: state)
    packages = {
        name: [version, None] for name, version in pins((PROJECT / LOCK).read_text()).items()
    }
    patch.setattr("toffee.provenance.record.installed", lambda: json.dumps(packages))
    patch.setenv(RUN, json.dumps({"command": ["snakemake"], "config": {}, "configfiles": []}))


@pytest.fixture(scope="session", params=["files in records", BESIDE])
def finished_run(request, tmp_path_factory):
    """The run, with its folders' files listed in their records, or beside them as those of large
    folders are. Copy it before changing it."""
    project = tmp_path_factory.mktemp("run") / "project"
    (project / "zoo" / "clip").mkdir(parents=True)
    (project / "zoo" / "clip" / "config.json").write_text('{"role": "clip"}')
    write_manifest(project / "zoo", {"clip": {"seed": 0}})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        as_if_released(patch)
        # All jobs of this run are one process: its start is not the start of a job,
        # and what it took is not one job's.
        patch.setattr("toffee.provenance.record.process_start", time.time)
        patch.setattr("toffee.provenance.costs.cpu_seconds", lambda: 0.5)
        if request.param == BESIDE:
            patch.setattr("toffee.provenance.listing.MANY", 0)
        for one in JOBS:
            play(*one)
    return project


@pytest.fixture
def run(finished_run, tmp_path, monkeypatch):
    """The run, free to be spoiled, with Snakemake's plan of it."""
    shutil.copytree(finished_run, tmp_path / "project")
    jobs = [planned_job(*one, zoo=finished_run / "zoo") for one in JOBS]
    monkeypatch.setattr("toffee.audit.plans.plan_of", lambda *_: (CONFIG, jobs))
    monkeypatch.setattr("toffee.provenance.record.process_start", time.time)
    monkeypatch.setattr("toffee.provenance.costs.cpu_seconds", lambda: 0.5)
    as_if_released(monkeypatch)
    # Its page is made up. The real one is made again in tests/workflow.
    monkeypatch.setattr("toffee.audit.recompute._page", lambda *_: ())
    return Run(tmp_path / "project")
