"""Who reads the detector: whatever reads a segmenter, in the sets that have one."""

import re

import pytest


def readers(project, scale: str) -> dict[str, set[str]]:
    """The rules that would run with a segmenter, or with a detector, among their inputs."""
    out = project.run("--dry-run", "--config", f"scale={scale}", "--", "all", "tables", "figures")
    jobs = re.findall(r"^\s*(?:rule|localrule) (\w+):\n\s+input: (.*)$", out.stdout, re.M)
    return {
        role: {
            rule for rule, inputs in jobs if f"results/{scale}/models/{role}" in inputs.split(", ")
        }
        - {"all", "models"}
        for role in ("segmenter", "detector")
    }


@pytest.fixture
def with_folders(fresh):
    for name in ("subjects", "multiview", "multiview_heldout", "dreambooth"):
        (fresh.folder / "data" / name).mkdir(parents=True, exist_ok=True)
    return fresh


def test_whatever_reads_a_segmenter_reads_the_detector_that_prompts_it(with_folders):
    found = readers(with_folders, "small")
    wanted = {"refine_shard", "score_shard", "score_dreambench", "generate_benchmark"}
    assert wanted <= found["segmenter"] == found["detector"]


def test_a_set_without_a_detector_has_none(with_folders):
    found = readers(with_folders, "tiny")
    assert "refine_shard" in found["segmenter"] and not found["detector"]
