"""Whether there are texts enough for the kinds of pairs that are wanted."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from toffee.config.sections.synthesis import KINDS
from toffee.data.loaders.prompt_parts import SUBJECT, PromptParts
from toffee.runtime.errors import ToffeeError


def check_kinds(
    kinds: Mapping[str, float],
    parts: PromptParts,
    words: Sequence[str],
    path: str | os.PathLike[str],
    texts: str | os.PathLike[str],
) -> None:
    """Raise ToffeeError where a kind that is wanted has too few texts, in `path` or, of contexts,
    in `texts` for one of the class words."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ToffeeError(f"unknown kind {unknown[0]!r}, expected one of {', '.join(KINDS)}")
    total = sum(kinds.values())
    if abs(total - 1) > 1e-6 or min(kinds.values()) < 0:
        raise ToffeeError(f"synthesis.kinds: expected shares that add up to 1, got {total:g}")
    needed = {
        "generation": ("contexts", 1),
        "background": ("contexts", 2),
        "colour": ("colours", 1),
        "texture": ("textures", 1),
        "style": ("styles", 1),
    }
    if not parts.contexts:
        raise ToffeeError(f"{texts}: contexts is empty, expected at least one")
    for kind, share in kinds.items():
        name, least = needed[kind]
        if share > 0 and len(getattr(parts, name)) < least:
            where = texts if name == "contexts" else path
            raise ToffeeError(f"{where}: {name} has too few texts for {kind}, expected {least}")
    _check_contexts(parts, words, texts, 2 if kinds.get("background", 0) > 0 else 1)


def _check_contexts(
    parts: PromptParts, words: Sequence[str], path: str | os.PathLike[str], least: int
) -> None:
    """Raise ToffeeError where a context is for no class, or a class has too few."""
    for context in parts.contexts:
        alone = replace(parts, contexts=[context])
        if not any(alone.contexts_of(word) for word in words):
            some = ", ".join(words[:5])
            raise ToffeeError(
                f"{path}: {context!r} begins with no subject's class word ({some}); "
                f"write {SUBJECT} where the subject stands, or what follows it, e.g. 'in the snow'"
            )
    for word in words:
        count = len(parts.contexts_of(word))
        if count < least:
            raise ToffeeError(f"{path}: {count} texts for class {word}, expected {least} or more")
