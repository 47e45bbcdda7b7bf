"""Results of runs that never ran: records, tables, figures and a dataset as a page shows them."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from toffee.config.sections.filter import SCORES
from toffee.config.sections.synthesis import KINDS
from toffee.provenance.digests import tree_digest
from toffee.provenance.machine import environment
from toffee.provenance.record import seal
from toffee.site.write import write_site
from toffee.storage.writer import ShardWriter
from toffee.tables.tidy import TABLE

CAPTIONS = sorted(Path(__file__).parents[2].glob("workflow/report/*.rst"))
EVIL = "</script><img src=x onerror=\"document.title='evil'\">\u2028'\\__proto__"
SCALE = "tiny"
ROOT = f"results/{SCALE}"
STAGES = {
    "draw_initial": [],
    "refine_shard": ["draw_initial"],
    "draw_views": [],
    "make_edits": [],
    "score_shard": ["refine_shard", "draw_views", "make_edits"],
}
METHODS = ("text_only", "toffeenet", "wrong_subject")
ENVIRONMENT = environment()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


MODULES = {f"toffee/module_{n:02d}.py": sha(str(n))[:16] for n in range(40)}


class Run:
    """A results folder that fills with records, one a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def job(
        self,
        rule: str,
        outputs: Iterable[str],
        inputs: Iterable[str] = (),
        files: Iterable[str] = (),
        **wildcards: str,
    ) -> list[str]:
        """Write a record; paths are below the results folder unless they begin with `workflow/`.
        Outputs with `files` are folders. Returns the outputs."""
        outputs = [f"{ROOT}/{path}" for path in outputs]
        inputs = [p if p.startswith(("workflow/", ROOT)) else f"{ROOT}/{p}" for p in inputs]
        made = {path: {"sha256": sha(path), "size": 12_345, "mtime_ns": 1} for path in outputs}
        if files:
            inside = {name: {"sha256": sha(name), "size": 7, "mtime_ns": 1} for name in files}
            folder = {"sha256": tree_digest(inside), "size": 99, "files": inside}
            made = {path: folder for path in outputs}
        self.time += timedelta(seconds=1)
        record: dict[str, Any] = {
            "version": 2,
            "rule": rule,
            "wildcards": wildcards,
            "root": ROOT,
            "input": {"files": inputs},
            "output": {"files": outputs},
            "inputs": {path: {"sha256": sha(path), "size": 12_345} for path in inputs},
            "outputs": made,
            "log": f"{ROOT}/logs/{rule}/{'/'.join(wildcards.values())}.log",
            "benchmark": f"{ROOT}/benchmarks/{rule}.tsv",
            "params": {"code": sha(rule), "strength": 0.6, "kinds": {"generation": 0.4}},
            "code": {
                "sha256": sha(rule),
                "modules": MODULES,
            },
            "config": "0123456789abcdef",
            "environment": ENVIRONMENT | {"lock": sha("lock"), "installed": "0" * 16},
            "git": {"commit": "a" * 40, "changed": False},
            "seed": 0,
            "device": "cpu",
            "threads": 1,
            "seconds": 12.5,
            "cpu_seconds": 11.25,
            "gpu_seconds": 0.0,
            "peak_memory_mb": 812.5,
            "start": self.time.isoformat(),
            "end": (self.time + timedelta(seconds=12)).isoformat(),
            "slurm_job_id": None,
            "attempt": 2 if rule == "filter_dataset" else 1,
            "earlier": [{"start": self.time.isoformat(), "seconds": 3.0}]
            if rule == "filter_dataset"
            else [],
        }
        path = self.folder / "records" / f"{Path(outputs[0]).relative_to(ROOT)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(seal(record)))
        return outputs


def write_run(folder: Path, shards: int) -> None:
    """Records of a whole run: five jobs a shard and some twenty others."""
    run = Run(folder)
    photos = [f"subject_{n:03d}/{EVIL}.jpg" for n in range(100)]
    world = run.job("write_world", ["world/subjects", "world/benchmark"], files=photos)
    models = [
        run.job("download_model", [f"models/{role}"], [f"workflow/zoo/{role}/{EVIL}"], role=role)[0]
        for role in ("clip", "text_to_image", "subject_encoder", "metric_dino")
    ]
    refiner = run.job("pretrain_refiner", ["models/refiner"], [*world, *models[:2]])
    plan = run.job("plan_samples", ["dataset/plan.parquet"], world)
    done = []
    for number in range(shards):
        made: dict[str, list[str]] = {}
        for stage, before in STAGES.items():
            inputs = [*plan, *models[:2], *refiner, *(p for one in before for p in made[one])]
            place = "dataset/shards" if stage == "score_shard" else f"dataset/stages/{stage}"
            name = f"{number:05d}"
            made[stage] = run.job(stage, [f"{place}/{name}.h5"], inputs, shard=name)
        done += made["score_shard"]
    index = run.job("filter_dataset", ["dataset/index.parquet"], done)
    run.job("export_dataset", ["dataset/hub"], [*index, *done])
    net = run.job("train_toffeenet", ["models/toffeenet"], [*index, *done, *models])
    scores = []
    for method in METHODS:
        needs = [*models, *(net if method == "toffeenet" else [])]
        drawn = run.job(
            "generate_benchmark", [f"bench/{method}/0.h5"], needs, method=method, seed="0"
        )
        scores += run.job(
            "score_dreambench",
            [f"bench/{method}/0.parquet"],
            [*drawn, *models],
            method=method,
            seed="0",
        )
    run.job("tabulate_dreambench", ["tables/dreambench.csv"], scores)
    run.job("plot_dataset", ["figures/dataset.png"], [*index, *done])
    run.job("write_site", ["site"], ["tables/dreambench.csv"])


def write_table(path: Path) -> Path:
    shared = "all photos; encoders zoo/metric_dino, zoo/metric_clip"
    metrics = ("dino_masked", "dino", "clip_i", "clip_t", "copy_rate", "histogram", "efficientnet")
    rows = [
        (method, shared, metric, 0.4 + 0.01 * n, 0.01, 30, "measured")
        for method in (*METHODS, "toffeenet − text_only", "gap_closed(toffeenet)", EVIL)
        for n, metric in enumerate(metrics)
    ]
    rows += [
        ("DreamBooth", "Imagen, 3-5 reference images; arXiv 2208.12242", metric, 0.7, None, None)
        + ("published",)
        for metric in ("dino", "clip_i", "clip_t")
    ]
    rows += [("limits", "", "min_area", 0.1, None, None, "measured")]
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=list(TABLE)).to_csv(path, index=False)
    return path


def write_dataset(folder: Path, rows: int = 120) -> tuple[Path, Path]:
    """An index and its one shard: pictures of plain colours, every fourth candidate rejected."""
    generator = np.random.default_rng(0)
    kinds = [KINDS[n % len(KINDS)] for n in range(rows)]
    columns: dict[str, list] = {
        "sample_id": [f"{n:016x}" for n in range(rows)],
        "subject": [f"subject_{n}" for n in range(rows)],
        "kind": kinds,
        "prompt": [EVIL if n == 0 else f"a ball number {n} in the snow" for n in range(rows)],
    }
    columns |= {name: generator.random(rows).tolist() for name in SCORES}
    side = 16
    pictures = [np.full((side, side, 3), n % 256, np.uint8) for n in range(rows)]
    mask = np.zeros((side, side), bool)
    mask[4:12, 4:12] = True
    images = {
        "target": pictures,
        "input": [None if k == "generation" else p for k, p in zip(kinds, pictures, strict=True)],
        "mask": [mask] * rows,
        "subject": pictures,
    }
    formats = {"target": "jpeg", "input": "jpeg", "mask": "mask", "subject": "png"}
    types = {name: "float" if name in SCORES else "str" for name in columns}
    shard = folder / "shards/00000.h5"
    with ShardWriter(shard, rows, "test", formats, types, 95) as writer:
        writer.append(columns, images)
    accepted = [n % 4 != 3 for n in range(rows)]
    index = pd.DataFrame({"sample_id": columns["sample_id"], "shard": "00000", "row": range(rows)})
    reasons = ["" if one else "max_copy_rate" for one in accepted]
    index = index.assign(kind=kinds, accepted=accepted, reason=reasons)
    index.to_parquet(folder / "index.parquet", index=False)
    return folder / "index.parquet", shard


def write_page(folder: Path, shards: int, audit: str | None = None) -> Path:
    """A run and its page below `folder`; returns the page's folder."""
    results = folder / ROOT
    write_run(results, shards)
    index, shard = write_dataset(results / "dataset")
    figure = results / "figures/dataset.png"
    figure.parent.mkdir()
    Image.new("RGB", (900, 1400), (120, 160, 90)).save(figure)
    ledger = results / "ledger.csv"
    rules = [("draw_initial", EVIL, "seconds", 2.5 * n) for n in range(60)]
    pd.DataFrame(rules, columns=["rule", "setting", "metric", "value"]).to_csv(ledger, index=False)
    report = results / "audit.tsv"
    if audit is not None:
        report.write_text(audit)
    write_site(
        results,
        tables=[write_table(results / "tables/dreambench.csv")],
        figures=[figure],
        shards=[shard],
        index=index,
        ledger=ledger,
        verdict=None if audit is None else report,
        out=results / "site",
        captions=CAPTIONS,
        source="world",
        resolution=64,
    )
    return results / "site"
