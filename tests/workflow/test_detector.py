"""Who reads the detector: whatever reads a segmenter, in the sets that have one."""

import re


def readers(project, scale: str, *values: str) -> dict[str, set[str]]:
    """The rules that would run with a segmenter, or with a detector, among their inputs.

    values: of the configuration, over those of the scale.
    """
    given = ("--config", f"scale={scale}", *values)
    out = project.run("--dry-run", *given, "--", "all", "tables", "figures")
    jobs = re.findall(r"^\s*(?:rule|localrule) (\w+):\n\s+input: (.*)$", out.stdout, re.M)
    return {
        role: {
            rule for rule, inputs in jobs if f"results/{scale}/models/{role}" in inputs.split(", ")
        }
        - {"all", "models"}
        for role in ("segmenter", "detector")
    }


def test_whatever_reads_a_segmenter_reads_the_detector_that_prompts_it(fresh):
    found = readers(fresh, "small")
    wanted = {"synthesize_shard", "score_dreambench", "draw_subjects"}
    assert wanted <= found["segmenter"] == found["detector"]
    apart = readers(fresh, "small", "synthesis={one_job: false}")
    stages = {"refine_shard", "make_edits", "score_shard"}
    assert stages <= apart["segmenter"] == apart["detector"]


def test_a_set_without_a_detector_has_none(fresh):
    found = readers(fresh, "tiny")
    assert "refine_shard" in found["segmenter"] and not found["detector"]
