"""DreamBench's prompts as they were published, to compare a downloaded benchmark with.

config/prompts/dreambench.txt is prompts_and_classes.txt of google/dreambooth (GitHub) at revision
4f887af7970a06fc0cd3adaa1d0b368547d6a1d0, byte for byte, under CC BY 4.0 (Ruiz et al., arXiv
2208.12242).
"""

import os

from toffee.data.loaders.dreambench import parse_prompts
from toffee.runtime.errors import ToffeeError


def check_frozen(prompts: str | os.PathLike, frozen: str | os.PathLike) -> None:
    """Compare a benchmark's prompt file with the frozen one: same subjects, class words and
    prompts, in the same order. Layout and line ends may differ.

    Raises:
        ToffeeError: they differ, or one of the files is malformed.
    """
    found, expected = parse_prompts(prompts), parse_prompts(frozen)
    for what, ours, theirs in (
        ("class", list(expected.classes.items()), list(found.classes.items())),
        ("object prompt", expected.object_prompts, found.object_prompts),
        ("live subject prompt", expected.live_prompts, found.live_prompts),
    ):
        for number, (wanted, got) in enumerate(zip(ours, theirs, strict=False), start=1):
            if wanted != got:
                raise ToffeeError(
                    f"{prompts}: {what} {number} is {got!r}, expected {wanted!r} as in {frozen}"
                )
        if len(ours) != len(theirs):
            raise ToffeeError(
                f"{prompts}: {len(theirs)} times a {what}, expected {len(ours)} as in {frozen}"
            )
