"""A shard as one submission and as five: `python tests/slurm/benchmark.py`.

Prints a Markdown table: what four small shards took on a cluster of this machine, two jobs at a
time, with the status polling of the profile. Run it on an idle machine.
"""

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import yaml

if __name__ == "__main__":  # a script beside the tests' modules
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.slurm.cluster import Cluster
    from tests.slurm.conftest import CONFIG, RESULTS, checkout

SHARDS = 4
MODES = {
    "one submission a shard (the profile)": {},
    "one submission a step": {"groups": None},
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder, "cluster")):
        run = checkout(Path(folder, "project"))
        config = run.folder / CONFIG
        values = yaml.safe_load(config.read_text())
        values["synthesis"]["shards"] = SHARDS
        config.write_text(yaml.safe_dump(values))
        names = [f"{number:05d}" for number in range(SHARDS)]
        plans = [f"{RESULTS}/dataset/plan/{name}.parquet" for name in names]
        shards = [f"{RESULTS}/dataset/shards/{name}.h5" for name in names]
        models = [f"{RESULTS}/models/{name}" for name in ("refiner", "view_generator")]
        run.run("local", "--", *plans, *models, "models")
        print("| | submissions | seconds |\n|---|---:|---:|")
        for mode, settings in MODES.items():
            for name in ("stages", "shards"):
                shutil.rmtree(run.results / "dataset" / name, ignore_errors=True)
            site = run.folder / "profiles" / "slurm" / "site.yaml"
            site.write_text(yaml.safe_dump({"jobs": 2, **settings}))
            before, start = len(run.said("slurm")), time.monotonic()
            said = run.run(
                "slurm", "--slurm-init-seconds-before-status-checks", "20", "--", *shards
            )
            seconds = time.monotonic() - start
            submitted = len(re.findall("submitted with SLURM", said[before:]))
            print(f"| {mode} | {submitted} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
