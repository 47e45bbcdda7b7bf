"""The dataset's card: a README with the YAML header that the hub and `datasets` read."""

from collections.abc import Iterable, Mapping
from typing import Any

from toffee.config.licences import HUB_LICENCES
from toffee.config.sections.filter import SCORES
from toffee.export.release import PAPER, Release

SIZES = ("1K", "10K", "100K", "1M", "10M", "100M")


def card_of(release: Release) -> str:
    """The card of a release, with its header."""
    sections = [f"---\n{_header(release)}\n---", f"# {release.name}", _summary(release)]
    sections += [_counts(release), _columns(release), _how(release), _scores(release)]
    sections += [_licences(release), _limits(release), _use(release)]
    return "\n\n".join(sections) + "\n"


def licence_header(parts: Iterable[str]) -> dict[str, Any]:
    """The hub's keys for licences: those that it knows, and `other` with the names of the rest."""
    parts = list(parts)
    known = [part for part in parts if part in HUB_LICENCES]
    others = [part for part in parts if part not in HUB_LICENCES]
    if not others:
        return {"license": known[0] if len(known) == 1 else known}
    return {
        "license": sorted({*known, "other"}) if known else "other",
        "license_name": ", ".join(others),
    }


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def size_category(count: int) -> str:
    """The hub's name of a size."""
    below, name = 1_000, "n<1K"
    for low, high in zip(SIZES, SIZES[1:], strict=False):
        if count >= below:
            name = f"{low}<n<{high}"
        below *= 10
    return name


def _header(release: Release) -> str:
    from datasets import DatasetInfo, Features
    from huggingface_hub import DatasetCardData

    memory = sum(one.memory for one in release.summaries)
    info = DatasetInfo(
        features=Features.from_dict(release.columns.features()),
        splits={"train": {"name": "train", "num_bytes": memory, "num_examples": release.rows}},
        download_size=sum(one.size for one in release.files.values()),
        dataset_size=memory,
    )
    data = DatasetCardData(
        pretty_name=release.name,
        task_categories=["text-to-image", "image-to-image"],
        size_categories=[size_category(release.rows)],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/train-*.parquet"}],
            }
        ],
        dataset_info=info._to_yaml_dict(),
        **licence_header(release.licence_parts),
    )
    return data.to_yaml()


def _summary(release: Release) -> str:
    return (
        "Pairs for subject-driven image generation and editing, synthesized as the paper Toffee\n"
        f"describes ([arXiv 2406.09305]({PAPER})) and then filtered. The pictures were made by\n"
        "models; none of them is a photograph of its target scene. This is a reproduction and not\n"
        "the authors' dataset."
    )


def _counts(release: Release) -> str:
    names = ("candidates", "accepted", "exported")
    counts = [release.count(name) for name in names]
    rows = [
        (kind, *(count.get(kind, 0) for count in counts), _share(counts[1], counts[0], kind))
        for kind in counts[0]
    ]
    totals = [release.total(name) for name in names]
    rows.append(("**all**", *totals, f"{totals[1] / totals[0]:.1%}"))
    text = table(("kind", "candidates", "accepted", "in here", "yield"), rows)
    side = release.resolution
    return f"{text}\n\n{len(release.files)} files; pictures of {side} by {side} pixels."


def _share(part: Mapping[str, int], whole: Mapping[str, int], kind: str) -> str:
    return f"{part.get(kind, 0) / whole[kind]:.1%}"


def _columns(release: Release) -> str:
    rows = ((f"`{name}`", kind, meaning) for name, kind, _, meaning in release.columns.described())
    return "## Columns\n\n" + table(("column", "type", "meaning"), rows)


def _how(release: Release) -> str:
    models = [(role, name, release.model_licences[role]) for role, name in release.models.items()]
    steps = [
        "a text-to-image model draws the prompt over the depth of the subject's picture",
        "the Refiner puts the subject's details back where patch tokens match",
        "the View Generator shows the subject in the pose of another object of its class",
        "editing pairs change one thing inside a mask; outside of it both pictures are equal",
        "every candidate is scored, and a filter keeps what passes all thresholds",
    ]
    filters = [
        (name, f"{release.thresholds[name]:g}" if name in release.thresholds else "", left)
        for name, left in release.funnel.items()
    ]
    return "\n\n".join(
        [
            "## How it was made",
            f"{release.origins()}\nSeed of the run: {release.seed}. "
            "Every draw has a seed of its own (columns `seed_*`), so that one sample can be drawn\n"
            "again by itself.",
            "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)),
            table(("model", "source", "licence"), models),
            table(("filter", "threshold", "candidates left"), filters),
        ]
    )


def _scores(release: Release) -> str:
    rows = [(f"`{name}`", f"{release.mean(name):.3f}") for name in SCORES]
    return "## Mean scores\n\n" + table(("score", "mean of the pairs in here"), rows)


def _licences(release: Release) -> str:
    text = (
        "## Licences\n\nColumn `licence` says under which licences a pair is: those of its "
        "photographs and those of the models\nthat drew it, all of which apply."
    )
    text += "\n\n" + table(("licence", "pairs"), release.count("licences").items())
    if release.allowed is None:
        return text + "\n\nNothing was left out: read the licences before you share anything."
    allowed = ", ".join(f"`{one}`" for one in release.allowed)
    text += f"\n\nOnly pairs wholly under {allowed} are in here. "
    left_out = release.count("left_out")
    if not left_out:
        return text + "Nothing was left out."
    rows = table(("left out for its licence", "pairs"), left_out.items())
    return f"{text}Left out:\n\n{rows}"


def _limits(release: Release) -> str:
    said = release.statements()
    keys = ("dataUseCases", "dataLimitations", "dataBiases", "personalSensitiveInformation")
    return "## Uses and limits\n\n" + "\n".join(f"- {line}" for key in keys for line in said[key])


def _use(release: Release) -> str:
    return "\n".join(
        [
            "## Use",
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            'pairs = load_dataset("path/of/this/folder", split="train")',
            "```",
        ]
    )
