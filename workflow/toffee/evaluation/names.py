"""Names that scores and tables share: reference policies, and settings."""

ALL, ONE = "all photos", "one photo"
"""Reference policies: what a generated image is compared with."""

DEPTH_SETTING = "depth-controlled"
"""Setting of pictures that are drawn in the layout of another view."""


def scale_name(scale: float) -> str:
    """The setting of a value of λ: "λ = 0.25"."""
    return f"λ = {scale:g}"
