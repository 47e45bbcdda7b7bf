"""Totals, what they rest on, and what is refused."""

import json
import os
from types import SimpleNamespace

import pytest
import yaml

from toffee.launch.dag import Job
from toffee.plan.clock import wall_clock
from toffee.plan.costs import Costs
from toffee.plan.download import Downloads
from toffee.plan.memory import Memory
from toffee.plan.report import Plan, Row, tally
from toffee.plan.sizes import Sizes
from toffee.plan.speed import Speed, asks_for_gpus, read_speed
from toffee.plan.storage import Storage
from toffee.plan.table import GIB, refusals, table
from toffee.plan.work import Work
from toffee.provenance.code import rule_functions
from toffee.runtime.errors import ToffeeError

from .conftest import ROOT, architectures, config_of

ROWS = [
    Row("pretrain_refiner", 1, 10.0, 0, 2 * GIB, 5 * GIB),
    Row("pretrain_view_generator", 1, 10.0, 0, 2 * GIB, 6 * GIB),
    Row("train_toffeenet", 7, 80.0, 0, 14 * GIB, 10 * GIB),
    Row("download_model", 8, 0.0, 3 * GIB, 3 * GIB),
    Row("write_site", 1),
]


SEVEN, HUNDRED = (dict.fromkeys(("float32", "bfloat16", "float16"), x) for x in (7.0, 100.0))


def job(rule: str, **wildcards: str) -> Job:
    return Job(rule, wildcards, {}, {}, {"out": "x"}, "x.log", True)


def budget(**values: float):
    return SimpleNamespace(budget=config_of({"budget": values}).budget)


def test_totals_and_the_room_that_running_trainings_need():
    plan = Plan("paper", ROWS, room=10**15)
    assert (plan.total.jobs, plan.total.hours) == (18, 100.0)
    # The two generators train side by side, the ToffeeNets after them.
    assert plan.needed == (2 + 2 + 14 + 3) * GIB + 11 * GIB


def test_temporary_files_need_room_for_the_shards_at_work():
    stages = [Row("draw_initial", 800, 90.0, temporary=800 * GIB), Row("make_edits", 800, 9.0)]
    plan = Plan("paper", [*ROWS, *stages], room=10**15, shards=100)
    assert plan.total.store == 21 * GIB
    assert plan.needed == (21 + 100) * GIB
    assert any(line.startswith("draw_initial") and "100 GiB" in line for line in table(plan))
    few = Plan("tiny", [Row("draw_initial", 2, temporary=4 * GIB)], shards=100)
    assert few.needed == 4 * GIB


@pytest.mark.parametrize("keep", [True, False])
def test_files_of_stages_are_temporary_where_they_are_not_kept(keep):
    config = config_of("paper.yaml", {"synthesis": {"keep_stages": keep}})
    sources = architectures("paper")
    work = Work(config, Costs(sources, config), Sizes(config, [], ROOT))
    lock = ROOT / config.models.lock
    stages = ["draw_initial", "refine_shard", "draw_views", "make_edits", "score_shard"]
    jobs = [job(rule, shard=s) for rule in ("plan_shard", *stages) for s in "ab"]
    speed = Speed({}, HUNDRED | {"tf32": 50.0})
    given = work, Memory(config, sources), Downloads(sources, lock), speed
    plan, *drawn, scored = tally(jobs, *given)
    assert plan.store and not plan.temporary and scored.store and not scored.temporary
    assert all(bool(one.store) == keep and bool(one.temporary) != keep for one in drawn)
    # One job for all stages takes what they take together, but for memory: all models stay.
    (whole,) = tally([job("synthesize_shard", shard=s) for s in "ab"], *given)
    for name in ("hours", "store"):
        parts = sum(getattr(one, name) for one in (*drawn, scored))
        assert getattr(whole, name) == pytest.approx(parts), name
    journals = sum(one.store + one.temporary for one in drawn)
    assert whole.temporary == pytest.approx(journals + sum(one.temporary for one in drawn))
    largest = max(one.memory for one in (*drawn, scored))
    assert largest < whole.memory < sum(one.memory for one in (*drawn, scored))


@pytest.mark.parametrize(
    ("limits", "room", "line"),
    [
        ({}, 32 * GIB, None),
        ({}, 31 * GIB, "the disk of results/paper is too small: 32.0 GiB needed, 31.0 GiB"),
        ({"gpu_hours": 100, "storage_gib": 32, "download_gib": 3}, 10**15, None),
        ({"gpu_hours": 99}, 10**15, "budget.gpu_hours is too small: 100 h needed, 99 h available"),
        ({"storage_gib": 31}, 10**15, "budget.storage_gib is too small: 32.0 GiB needed, 31.0"),
        ({"download_gib": 0}, 10**15, "budget.download_gib is too small: 3.0 GiB needed, 0 B"),
    ],
)
def test_what_is_too_small_is_one_line(limits, room, line):
    found = refusals(Plan("paper", ROWS, room=room), budget(**limits))
    assert [text.startswith(line) for text in found] == ([True] if line else [])


def test_a_rule_that_needs_more_memory_than_a_gpu_has_is_named():
    rows = [Row("draw_views", 3, memory=30 * GIB), Row("draw_initial", 1, memory=9 * GIB)]
    plan = Plan("paper", [*rows, rows[0] + Row("draw_views", 1, memory=31 * GIB)], room=1)
    found = refusals(plan, budget(gpu_memory_gib=30))
    assert found == [
        "budget.gpu_memory_gib of draw_views is too small: 31.0 GiB needed, 30.0 GiB available"
    ]
    assert refusals(plan, budget()) == []


def test_the_table_has_every_rule_that_takes_something():
    lines = table(Plan("paper", ROWS, ["a note"], room=GIB))
    assert len({len(line) for line in lines[:-3]}) == 1
    assert [line.split()[0] for line in lines[2:-5]] == [row.rule for row in ROWS[:4]] + ["1"]
    assert lines[-4].split()[:3] == ["total", "18", "100"] and lines[-1] == "a note"


def test_jobs_that_are_alike_count_each():
    config = config_of()
    work = Work(config, Costs(architectures("tiny"), config), Sizes(config, [], ROOT))
    jobs = [job("plan_shard", shard=f"{n:05d}") for n in range(3)] + [
        job("draw_initial", shard="00000"),
        job("draw_initial", shard="00001"),
        job("generate_benchmark", method="text_only", draw="0"),
        job("generate_benchmark", method="strength", draw="0"),
        job("tabulate_views"),
        job("download_dreambench"),
    ]
    downloads = Downloads(architectures("tiny"), ROOT / "config" / "models.lock.yaml")
    memory = Memory(config, architectures("tiny"))
    found = tally(jobs, work, memory, downloads, Speed({}, {"float32": 2.0}))
    rows = {row.rule: row for row in found}
    assert [rows[name].jobs for name in ("plan_shard", "draw_initial")] == [3, 2]
    flops = 2 * work.flops(job("draw_initial"))
    assert rows["draw_initial"].hours == pytest.approx(flops / 2e12 / 3600)
    # 30 subjects × 25 prompts; λ has fewer prompts and eight values.
    images = 30 * 25 + 30 * config.evaluation.strength_prompts * len(config.evaluation.strengths)
    assert rows["generate_benchmark"].store == pytest.approx(images * Storage(work).jpeg, abs=2)
    assert rows["tabulate_views"] == Row("tabulate_views", 1)
    photos = rows["download_dreambench"]
    assert photos.download == photos.store == 111_700_000


def test_every_method_is_a_rule():
    """A rule that is renamed would silently take nothing."""
    rules = rule_functions()
    shared = {"flops", "base_draw", "refiner_draw", "view_draw", "net_draw", "edit_draw", "pairs"}
    shared |= {"by_precision", "text_draw", "tuned_draw", "encoded", "candidates", "judged"}
    shared |= {"benchmark_images", "prior", "tuned", "edited", "edit_images"}
    shared |= {"kept", "temporary", "while_running", "latents", "tokens", "depth"}
    shared |= {"needed", "base", "autoencoder", "text", "encoders", "segmenter", "generator", "net"}
    shared |= {"call", "width", "frozen", "drawing", "trained", "training", "metrics", "measuring"}
    for kind in (Work, Storage, Memory):
        for name in vars(kind):
            if not name.startswith("_") and name not in shared:
                assert name.removesuffix("_encoded") in rules, name


def test_downloads_are_those_of_the_lock_file(tmp_path):
    models = architectures("paper")
    source = models.sources["clip"]
    path = tmp_path / "lock.yaml"
    sizes = {"config.json": 10, "model.safetensors": 1000, "other/b.json": 5}

    def lock(key: str, names, **revisions: str) -> Downloads:
        files = {name: {"sha256": "0" * 64, "size": sizes[name]} for name in names}
        path.write_text(yaml.safe_dump({"files": {key: files}, "revisions": revisions}))
        return Downloads(models, path)

    assert {"*.json", "model.safetensors"} <= set(source.files)
    downloads = lock(f"{source.repo}@{source.revision}", sizes)
    assert downloads.model("clip") == 1010 and not downloads.estimated
    assert downloads.model("depth") == 4 * models.parameters("depth")
    assert downloads.estimated == ["depth"]
    # A branch is what the lock says, also where a mirror gave it.
    branch = source.model_copy(update={"revision": "main"})
    models.sources["clip"] = branch
    mirror = f"someone/mirror@{'c' * 40}"
    assert lock(mirror, sizes, **{f"{source.repo}@main": mirror}).model("clip") == 1010
    # What is not locked, or only for a role that asks for fewer files, is an estimate.
    for downloads in (
        lock(mirror, sizes),
        lock(mirror, ["other/b.json", "config.json"], **{f"{source.repo}@main": mirror}),
    ):
        assert downloads.model("clip") == 4 * models.parameters("clip")
    assert Downloads(architectures("tiny"), path).model("clip") == 0


def test_the_newest_bench_is_believed_and_said(tmp_path):
    bench = tmp_path / "results" / "bench"
    bench.mkdir(parents=True)
    said = read_speed(SEVEN, tmp_path).said(["float32"])
    assert said.startswith("ASSUMED, not measured: 7 in float32 TFLOP/s")
    (bench / "synthesis.json").write_text(
        json.dumps({"device": "NVIDIA X", "sustained_tflops": {"bfloat16": 200, "float32": 40.0}})
    )
    (bench / "other.json").write_text("{}")
    speed = read_speed(SEVEN, tmp_path)
    assert (speed.tflops("bfloat16"), speed.tflops("float16")) == (200, 7.0)
    said = speed.said(["bfloat16", "float32"])
    assert "200 in bfloat16 and 40 in float32" in said and "on NVIDIA X" in said
    assert "ASSUMED" not in said and "ASSUMED" in speed.said(["float16"])
    with pytest.raises(ToffeeError, match="other.json: no sustained_tflops"):
        read_speed(SEVEN, tmp_path, bench / "other.json")


def test_a_processors_figures_plan_no_gpu_unless_they_are_given(tmp_path):
    bench = tmp_path / "results" / "bench"
    bench.mkdir(parents=True)

    def write(name: str, age: int, tflops: float, **head: str) -> None:
        path = bench / f"{name}.json"
        path.write_text(json.dumps(head | {"sustained_tflops": {"bfloat16": tflops}}))
        os.utime(path, (10**9 - age, 10**9 - age))

    write("silent", 0, 0.2)
    write("cpu", 1, 0.1, device="Xeon", device_kind="cpu")
    speed = read_speed(HUNDRED, tmp_path, only_gpus=True)
    assert speed.tflops("bfloat16") == 100.0
    said = speed.said(["bfloat16"])
    assert "ASSUMED" in said and "not measured on a GPU and left out" in said
    assert f"{bench / 'cpu.json'} on Xeon" in said and str(bench / "silent.json") in said
    write("gpu", 2, 300.0, device="X", device_kind="cuda")
    assert read_speed(HUNDRED, tmp_path, only_gpus=True).tflops("bfloat16") == 300.0
    given = read_speed(HUNDRED, tmp_path, bench / "cpu.json", only_gpus=True)
    assert given.tflops("bfloat16") == 0.1 and "left out" not in given.said(["bfloat16"])
    assert read_speed(HUNDRED, tmp_path).tflops("bfloat16") == 0.2
    scales = {name: asks_for_gpus(ROOT, name) for name in ("tiny", "small", "paper", "own")}
    assert scales == {"tiny": False, "small": True, "paper": True, "own": True}


DRAWN = ("classes", "living", "per_class")
"""What the paper scale says of subjects that its base model draws, and no other source has."""


def planned(*layers: dict | str, models: str = "turbo") -> Work:
    config = config_of(*layers)
    return Work(config, Costs(architectures(models), config), Sizes(config, [], ROOT))


def test_what_measures_is_float32_and_so_is_what_finds_boxes():
    work = planned("paper.yaml")
    costs, samples = work.costs, work.config.synthesis.samples_per_shard
    measured = work.by_precision(job("score_oracle"))
    assert measured == {"float32": 158 * costs.metrics}
    found = work.by_precision(job("score_shard"))
    assert found["tf32"] == 2 * samples * (costs.segment - costs.segmenter)
    assert sum(found.values()) == work.flops(job("score_shard"))
    assert work.by_precision(job("draw_initial"))["tf32"] == 0
    # Without bfloat16 the segmenter, and trainings, are float32 too.
    older = planned("paper.yaml", {"compute": {"dtype": "float16", "tf32": False}})
    assert older.by_precision(job("score_shard"))["float32"] == 2 * samples * costs.segment
    assert set(older.by_precision(job("pretrain_refiner"))) == {"float32"}


def test_each_precision_has_its_speed():
    work = planned("paper.yaml")
    speed = Speed({"bfloat16": 200.0}, {"bfloat16": 1.0, "tf32": 50.0})
    downloads = Downloads(work.costs.models, ROOT / "config" / "models.lock.yaml")
    memory = Memory(work.config, work.costs.models)
    (row,) = tally([job("score_shard")], work, memory, downloads, speed)
    spent = work.by_precision(job("score_shard"))
    hours = (spent["bfloat16"] / 200e12 + spent["tf32"] / 50e12) / 3600
    assert row.hours == pytest.approx(hours)


def test_masks_that_subjects_bring_are_not_made_again():
    given = planned("paper.yaml")
    subjects = {"kind": "images", "path": "data/none"}
    subjects |= dict.fromkeys(DRAWN)
    found = planned("paper.yaml", {"data": {"real": {"subjects": subjects}}})
    for rule in ("refine_shard", "score_shard"):
        more = found.flops(job(rule)) - given.flops(job(rule))
        assert more == found.config.synthesis.samples_per_shard * given.costs.segment


def test_frames_are_counted_where_the_configuration_does_not_say(tmp_path):
    for sequence in ("a/1", "a/2", "b/1"):
        for kind, suffix in (("images", "jpg"), ("masks", "png")):
            (tmp_path / "views" / sequence / kind).mkdir(parents=True)
            for view in range(4):
                (tmp_path / "views" / sequence / kind / f"{view}.{suffix}").touch()
    config = config_of("paper.yaml", {"plan": {"frames": None}})
    sizes = Sizes(config, [reader(tmp_path / "views")], ROOT)
    assert (sizes.frames, sizes.sequences, sizes.notes) == (12, 3, [])
    (note,) = Sizes(config, [reader(tmp_path / "none")], ROOT).notes
    assert note.startswith(f"no pictures in {tmp_path / 'none'}")
    # MVImgNet, not imported yet: 219,188 videos, twelve frames of each.
    sizes = Sizes(config_of("paper.yaml"), [reader(tmp_path / "none")], ROOT)
    assert (sizes.frames, sizes.sequences) == (219_188 * 12, 219_188)


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "folder", "path": "data/none"},
        {"kind": "images", "path": "data/none"},
        {"kind": "hub", "repo": "a/b", "split": "train", "image": "image", "class_word": "word"},
    ],
)
def test_subjects_that_nobody_can_count_are_said(tmp_path, source):
    job = Job("list_subjects", {}, {}, {"subjects": str(tmp_path / "none")}, {}, "", True)

    def sizes(most: int | None, *jobs: Job) -> Sizes:
        gone = dict.fromkeys(DRAWN)
        real = {"subjects": gone | source}
        return Sizes(
            config_of("paper.yaml", {"data": {"subjects": most, "real": real}}), jobs, ROOT
        )

    (note,) = sizes(None, job).notes
    assert note.startswith(f"no pictures in {tmp_path / 'none'}: ") and "data.subjects" in note
    assert (sizes(5, job).subjects, sizes(5, job).notes) == (5, [])
    assert sizes(None).notes == []


def reader(folder) -> Job:
    return Job("pretrain_refiner", {}, {}, {"multiview": str(folder)}, {}, "", True)


def test_hours_of_cores_are_never_called_those_of_gpus():
    rows = [Row("train_toffeenet", 2, 3.0, memory=GIB), Row("write_site", 1)]
    plan = Plan("tiny", rows, room=GIB, device="CPU", found=["found in my_photos:"])
    lines = table(plan)
    assert (
        lines[0] == "found in my_photos:" and "CPU hours" in lines[2] and "CPU memory" in lines[2]
    )
    content = plan.content()
    assert content["total"]["cpu_hours"] == 3.0 and "GPU" not in "".join(lines)
    assert not any("gpu" in key for row in content["rules"] for key in row)
    assert refusals(plan, budget(gpu_hours=1, gpu_memory_gib=0.5)) == []
    assert refusals(plan, budget(cpu_hours=1)) == [
        "budget.cpu_hours is too small: 3 h needed, 1 h available"
    ]


def test_wall_clock_is_of_the_cores_but_not_less_than_the_longest_job(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    many, one = [(40, 8.0)], [(1, 8.0)]
    assert "4 cores: about 2.0 h" in wall_clock(many, gpus=False)
    assert "4 cores: about 8.0 h" in wall_clock(one, gpus=False)
    assert "it has none" in wall_clock(many, gpus=True)
