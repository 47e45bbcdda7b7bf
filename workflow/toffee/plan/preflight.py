"""Whether a run can start: what its first jobs take from elsewhere is looked at before any runs.

All of it at once, so that a person repairs it once: the hub and each repository's files, folders
of photographs, DreamBench. Nothing is fetched but lists. What is there already is not asked for,
so a run that has downloaded everything needs no network.
"""

import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toffee.config import Config
from toffee.config.models import HubSource, Source
from toffee.config.sources import WORLD
from toffee.data.importers.subjects import check_folder
from toffee.data.importers.survey import Survey, survey
from toffee.data.importers.views import check_release
from toffee.data.loaders.classes import read_classes
from toffee.data.loaders.dreambench import load_benchmark
from toffee.download.dreambench import FOLDER_OF_YOURS, SIZE
from toffee.download.fetch import local_folder, look_for
from toffee.download.git import reach
from toffee.download.hub import check_access, reach_hub
from toffee.runtime.errors import ToffeeError
from toffee.runtime.text import printable

HUB_WAY_OUT = (
    "set HF_ENDPOINT to a hub that this machine reaches, or fill the cache elsewhere and set "
    "HF_HUB_OFFLINE=1, or name folders of yours in the catalogue (key folder)"
)


IMPORTED = ("images", "hub", "subjects200k")
"""Kinds of subjects that rule import_subjects reads."""

SURVEYED = {"import_subjects", "list_subjects", "plan_shard"}
"""Rules of which a survey says where they would stop."""

FOLDERS = {
    "subjects": "data.real.subjects.path",
    "multiview": "data.real.multiview.path",
    "multiview_heldout": "data.real.multiview.heldout_path",
    "benchmark": "data.real.benchmark.path",
}
"""Folders that may be used where they are: the keys that name them, by the input of rules."""

JobName = tuple[str, Mapping[str, str], Collection[str]]
"""The rule of a job that would run, its wildcards, and the names of its inputs."""


@dataclass
class Needs:
    """What jobs take from elsewhere.

    Attributes:
        roles: base models that are downloaded.
        rules: names of the jobs' rules.
        folders: folders of the configuration that are used where they are, by key.
    """

    roles: list[str]
    rules: set[str]
    folders: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is fetched or imported."""
        return bool(self.roles or self.rules & {*_CHECKS})


@dataclass
class Findings:
    """What was found, a line each: `faults` stop a run; `notes` do not, and say what was not
    checked."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    download: int = 0

    def fault(self, key: str, problem: object, way_out: str = "") -> None:
        """Add a fault of a key of the configuration, or of a variable of the environment."""
        self.faults.append(f"{key}: {problem}{f'; {way_out}' if way_out else ''}")

    def unchecked(self, what: str) -> None:
        """Add what could not be looked at."""
        self.notes.append(f"not checked: {what}")


def needs_of(jobs: Iterable[JobName], config: Config, sources: Mapping[str, Source]) -> Needs:
    """What the jobs that would run take from elsewhere."""
    roles, rules, read, pictures = set[str](), set[str](), set[str](), dict[str, str]()
    for rule, wildcards, inputs in jobs:
        rules.add(rule)
        read.update(inputs)
        if rule == "import_pictures":
            method = wildcards["method"]
            pictures[f"evaluation.pictures.{method}"] = config.evaluation.pictures[method]
        if rule == "download_model" and isinstance(sources[wildcards["role"]], HubSource):
            roles.add(wildcards["role"])
    return Needs(sorted(roles), rules, _used(read, config) | pictures)


def needs_at_most(config: Config, sources: Mapping[str, Source], results: Path) -> Needs:
    """What a run of everything would take that is not there yet: where there is no plan, because
    a folder that rules read is missing."""
    roles = [
        role
        for role, source in sources.items()
        if isinstance(source, HubSource) and not (results / "models" / role).exists()
    ]
    real = config.data.real
    outputs = {
        "import_subjects": real.kind("subjects") in IMPORTED and "subjects",
        "draw_subjects": real.kind("subjects") == "drawn" and "drawn",
        "import_multiview": real.kind("multiview") not in ("folder", WORLD) and "multiview",
        "download_dreambench": real.kind("benchmark") == "dreambench" and "benchmark",
    }
    places = {rule: f"data/{name}" for rule, name in outputs.items() if name}
    places |= {"list_subjects": "dataset/subjects.parquet", "plan_shard": "dataset/plan"}
    rules = {rule for rule, place in places.items() if not (results / place).exists()}
    pictures = {f"evaluation.pictures.{k}": v for k, v in config.evaluation.pictures.items()}
    return Needs(sorted(roles), rules, _used(FOLDERS, config) | pictures)


def _used(inputs: Collection[str], config: Config) -> dict[str, str]:
    """Folders among the inputs of rules that are used where they are, by key."""
    given = {FOLDERS[name]: config.data.real.given(name) for name in FOLDERS if name in inputs}
    return {key: folder for key, folder in given.items() if folder}


def look(
    needs: Needs,
    config: Config,
    sources: Mapping[str, Source],
    project: Path,
    there: Survey | None = None,
) -> Findings:
    """Look at what a run needs; every fault is a line with its key and the way out.

    Args:
        needs: what it takes.
        config, sources: the run's configuration, and the sources of its models by role.
        project: the folder that paths of the configuration are relative to.
        there: the survey of the user's own photos; None: it is made, where rules need it.
    """
    found = Findings()
    for key, folder in needs.folders.items():
        if not (project / folder).is_dir():
            found.fault(key, f"{folder}: no such folder")
        elif key in _CONTENTS:
            try:
                _CONTENTS[key](project / folder)
            except ToffeeError as error:
                found.fault(key, error, "docs/data.md says what such a folder holds")
    _look_at_models(needs.roles, config, sources, project, found)
    if needs.rules & SURVEYED:
        for stop in (there or survey(config)).stops:
            # A folder that is not there is a fault already.
            is_there = (project / needs.folders.get(stop.key, "")).is_dir()
            if stop.rule in needs.rules and is_there:
                found.fault(stop.key, stop.problem)
    for rule, check in _CHECKS.items():
        if rule in needs.rules:
            check(config, project, found)
    return found


def look_at_gpus(needed: Mapping[str, int], found: Findings) -> None:
    """Whether the smallest GPU that is visible has the memory that rules need (bytes, by rule)."""
    import torch

    if not torch.cuda.is_available():
        found.unchecked("GPU memory: no GPU is visible here; see the column for what a rule needs")
        return
    sizes = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
    smallest = min(sizes, key=lambda one: one.total_memory)
    for rule, size in needed.items():
        if size > smallest.total_memory:
            have = f"{smallest.name} has {smallest.total_memory / 2**30:.1f} GiB"
            way_out = "sections training and compute, and sampler.batch (docs/configure.md)"
            found.fault(f"GPU memory of {rule}", f"{size / 2**30:.1f} GiB, {have}", way_out)


def check_start(jobs: Iterable[JobName], config: Config, sources: Mapping[str, Source]) -> bool:
    """Look at what a run's jobs need before the first of them starts; prints what was found on
    standard error.

    Returns:
        Whether the run can start.
    """
    project = Path()
    needs = needs_of(jobs, config, sources)
    found = look(needs, config, sources, project)
    room = shutil.disk_usage(project).free
    if found.download > room:
        gib = f"{found.download / 2**30:.1f} GiB to download, {room / 2**30:.1f} GiB free"
        found.fault(f"the disk of results/{config.scale}", gib)
    if needs or found.faults:
        rest = "room for what is drawn and trained, and GPU memory"
        found.unchecked(f"{rest}: toffee plan counts them")
    if found.faults:
        count = f"{len(found.faults)} faults" if len(found.faults) > 1 else "one fault"
        print(f"error: this run cannot start, {count}:", file=sys.stderr)
    for line in (*found.faults, *found.notes):
        print(f"  {printable(line)}" if found.faults else printable(line), file=sys.stderr)
    return not found.faults


def _look_at_models(
    roles: Sequence[str],
    config: Config,
    sources: Mapping[str, Source],
    project: Path,
    found: Findings,
) -> None:
    """Where each model would come from, whether it has the files, and whether they may be read."""
    hub = {role: one for role in roles if isinstance(one := sources[role], HubSource)}
    lock = project / config.models.lock
    remote = [r for r, one in hub.items() if not any(map(local_folder, one.candidates))]
    if remote and not _reaches_hub(found):
        found.unchecked(f"the files of {', '.join(remote)} ({config.models.catalogue})")
        hub = {role: one for role, one in hub.items() if role not in remote}

    def look_at(role: str) -> int | str:
        try:
            repository, files = look_for(hub[role], lock)
            check_access(repository, min(files, key=lambda name: files[name].size))
        except ToffeeError as error:
            return str(error)
        return sum(one.size for one in files.values())

    with ThreadPoolExecutor(max(1, len(hub))) as pool:
        answers = dict(zip(hub, pool.map(look_at, hub), strict=True))
    alike: dict[str, list[str]] = defaultdict(list)
    for role, answer in answers.items():
        if isinstance(answer, int):
            found.download += answer
        else:
            alike[answer].append(role)
    for problem, named in alike.items():
        key = f"{config.models.catalogue}, {config.models.set}, {', '.join(named)}"
        found.fault(key, problem)


def _reaches_hub(found: Findings) -> bool:
    try:
        reach_hub()
    except ToffeeError as error:
        found.fault("HF_ENDPOINT", error, HUB_WAY_OUT)
        return False
    return True


def _look_at_subjects(config: Config, project: Path, found: Findings) -> None:
    """The source of `import_subjects`, a data set of the hub; a survey looks at photos."""
    source = config.data.real.keys("subjects")
    if source["kind"] == "images":
        return
    if source.get("revision"):
        what = f"whether {source['repo']} is there with its columns"
    else:
        what = f"whether {source['repo']} is a data set with its columns"
        try:
            check_folder(project / source["repo"])
        except ToffeeError as error:
            found.fault("data.real.subjects.repo", error)
            return
    found.unchecked(f"{what} (data.real.subjects): its import reads it")


def _look_at_release(config: Config, project: Path, found: Findings) -> None:
    """The release of `import_multiview`, and which classes of drawn subjects it lacks."""
    source = config.data.real.keys("multiview")
    try:
        words = check_release(source | {"path": str(project / source["path"])})
        if not words:
            raise ToffeeError(f"{source['path']}: no sequence, expected {source['kind']}'s files")
    except ToffeeError as error:
        way_out = "docs/data.md says how to get it, and which kinds there are"
        found.fault("data.real.multiview", error, way_out)
        return
    found.unchecked(f"whether {source['path']} is complete: its import lists every file")
    classes = config.data.real.keys("subjects").get("classes")
    if classes is None:
        return
    wanted = read_classes(project / classes)
    lacking = [word for word in wanted if word not in words]
    if len(lacking) == len(wanted):
        found.fault(
            "data.real.subjects.classes", f"{classes}: {source['path']} has none of these classes"
        )
    elif lacking:
        found.notes.append(
            f"note: {len(lacking)} of {len(wanted)} class words of {classes} have no sequence in "
            f"{source['path']} ({', '.join(lacking[:5])}, …): their subjects are set aside; "
            "data.real.subjects.classes null draws the classes that it has"
        )


def _check_views(root: Path) -> None:
    """Look for a first sequence: to list the frames of all takes minutes."""
    if next(root.glob("*/*/images"), None) is None:
        raise ToffeeError(f"{root}: no sequence, expected <class word>/<sequence>/images")


def _look_at_dreambench(config: Config, project: Path, found: Findings) -> None:
    """The git repository of DreamBench."""
    found.download += SIZE
    try:
        reach(config.data.dreambench.url)
    except ToffeeError as error:
        found.fault("data.dreambench.url", error, FOLDER_OF_YOURS)


_CHECKS: dict[str, Callable[[Config, Path, Findings], Any]] = {
    "import_subjects": _look_at_subjects,
    "import_multiview": _look_at_release,
    "download_dreambench": _look_at_dreambench,
}
"""How what a rule takes from elsewhere is looked at."""

_CONTENTS: dict[str, Callable[[Path], Any]] = {
    FOLDERS["multiview"]: _check_views,
    FOLDERS["multiview_heldout"]: _check_views,
    FOLDERS["benchmark"]: load_benchmark,
}
"""How a folder that is used where it is is looked at, by its key."""
