"""Toffee: subject-driven text-to-image generation without per-subject tuning (arXiv 2406.09305).

Configuration and its checks, the rules in the order of the DAG, and the targets.
"""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.18.1")

# Where this file is; as a module of another workflow that is not Snakemake's `basedir`.
REPOSITORY = workflow.current_basedir.get_path_or_uri(secret_free=True)
# Jobs find the package in every environment, also where it is not installed, and before the user's own.
PACKAGES = [os.path.join(REPOSITORY, name) for name in ("workflow", "tools")]
OWN_PATH = [
    one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one not in PACKAGES
]
sys.path[:0] = PACKAGES
os.environ.update(PYTHONPATH=os.pathsep.join([*PACKAGES, *filter(None, OWN_PATH)]))
from toffee.runtime.environment import MEMORY  # found since the lines above

os.environ.update({**MEMORY, **os.environ})  # but for what the user has set
# Compute nodes may lack internet access. Downloads run where Snakemake runs; no other job needs it.
if workflow.remote_exec:
    os.environ.update(HF_HUB_OFFLINE="1")


# Used with `--sdm apptainer`; envs/toffee.def builds it.
container: os.path.join(REPOSITORY, "envs", "toffee.sif")


configfile: os.path.join(REPOSITORY, "config", "config.yaml")


include: "rules/scale.smk"
include: "rules/checks.smk"
include: "rules/paths.smk"
include: "rules/common.smk"
include: "rules/methods.smk"
include: "rules/download.smk"
include: "rules/dreambench.smk"
include: "rules/world.smk"
include: "rules/import.smk"
include: "rules/calibrate.smk"
include: "rules/pretrain.smk"
include: "rules/plan.smk"
include: "rules/synthesize_shard.smk" if CONFIG.synthesis.one_job else "rules/synthesize.smk"
include: "rules/dataset.smk"
include: "rules/train.smk"
include: "rules/export.smk"
include: "rules/generate.smk"
include: "rules/score.smk"
include: "rules/benchmark.smk"
include: "rules/pictures.smk"
include: "rules/dreambooth.smk"
include: "rules/editing.smk"
include: "rules/tabulate.smk"
include: "rules/plot.smk"
include: "rules/plot_benchmark.smk"
include: "rules/ablate.smk"
include: "rules/plot_ablations.smk"
include: "rules/cost.smk"
include: "rules/scaling.smk"
include: "rules/provenance.smk"
include: "rules/report.smk"
include: "rules/zoo.smk"


rule all:
    """Tables and figures of the paper's main claims, the dataset as a repository, ToffeeNet as a pipeline."""
    default_target: True
    input:
        table_files(TABLES),
        figure_files(FIGURES),
        EXPORTS,


OWN_RULES = [
    one
    for one in workflow.rules
    if one in workflow.modifier.rules and plans_jobs_of(one.name, sys.argv)
]
prepare_rules(OWN_RULES, CONFIG, RESULTS, asks_for_report(sys.argv))
if workflow.is_main_process:
    check_runtimes(OWN_RULES)
    # The other workflow of a module has more targets, and in a storage files have other names.
    elsewhere = workflow.storage_settings.default_storage_provider
    if workflow.modifier.is_main_snakefile() and not elsewhere:
        check_targets(OWN_RULES, CONFIG.scale)
begin_run(workflow, CONFIG, RESULTS, [ZOO_RESULTS])
