"""Names that scores, tables and figures share: metrics, reference policies, settings."""

IMAGE_METRICS = ("dino", "clip_i", "histogram", "efficientnet")
MASKED_METRICS = tuple(f"{name}_masked" for name in IMAGE_METRICS)
SIMILARITIES = IMAGE_METRICS + MASKED_METRICS

LEAKAGE_METRICS = ("efficientnet_masked", "histogram_masked")
"""Metrics of the leakage check, neither of which this project trains. The first finds the nearest
training subject, the second is reported beside it. Both compare subjects without background."""
LEAKAGE_COLUMNS = (
    "subject",
    "nearest",
    *(f"nearest_{name}" for name in LEAKAGE_METRICS),
    *(f"own_{name}" for name in LEAKAGE_METRICS),
    "among",
    "trained",
    "untrained",
)
"""Columns of the leakage check's CSV, see `toffee.evaluation.score.leakage.score_leakage`."""

ALL, ONE = "all photos", "one photo"
"""Reference policies: what a generated image is compared with."""

DEPTH = "depth"
"""Kind of the held-out pairs that are not edited but drawn in the layout of another view."""
DEPTH_SETTING = "depth-controlled"
"""Setting of the scores of these pictures."""


UNLIKE = 0.6
"""A pair's view and target that are less alike than this, by `dino_masked`, do not show one subject
(our choice)."""

WANTED, ONE_PHOTO = "dino_masked", "dino_masked_one_photo"
"""What table cost compares quality by: similarity to the subject, and its name in the scores where
it is that to one of several photos."""


def scale_name(scale: float) -> str:
    """The setting of a value of λ: "λ = 0.25"."""
    return f"λ = {scale:g}"
