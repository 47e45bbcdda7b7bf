"""The plan of samples: which subject, prompt, kind and pose each candidate pair is made from.

Sample k depends on (run seed, k) and on the subjects, donors, prompts and shares that it is drawn
from: not on the other samples, the number of shards, nor their size. So each shard is planned on
its own, and more shards, or larger ones, append samples and change none. The pictures of a sample
draw their noise from (run seed, stage, subject, prompt, attempt), all of which stand in its row.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from toffee.config.sections.synthesis import KINDS
from toffee.data.loaders.prompt_parts import PromptParts, in_context, read_prompt_parts
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path, file_digest
from toffee.runtime.seeds import SEED_BITS, seed_of
from toffee.synthesis.kinds import check_kinds
from toffee.synthesis.listing import (
    MULTIVIEW,
    SUBJECTS,
    Donor,
    ListedSubject,
    read_donors,
    read_subjects,
)

STAGES = ("initial", "refined", "views", "edits")
"""What draws a sample's pictures, each from a noise of its own."""

_SCHEMA = pa.schema(
    [
        ("sample", pa.int64()),
        ("shard", pa.string()),
        ("row", pa.int64()),
        ("sample_id", pa.string()),
        ("subject", pa.string()),
        ("class_word", pa.string()),
        ("image", pa.string()),
        ("mask", pa.string()),
        ("image_sha256", pa.string()),
        ("mask_sha256", pa.string()),
        ("kind", pa.string()),
        ("prompt", pa.string()),
        ("source_prompt", pa.string()),
        ("donor", pa.string()),
        ("donor_folder", pa.string()),
        ("donor_sha256", pa.string()),
        ("attempt", pa.int64()),
        ("subject_licence", pa.string()),
        ("donor_licence", pa.string()),
        *((f"seed_{stage}", pa.int64()) for stage in STAGES),
    ]
)
COLUMNS = tuple(_SCHEMA.names)
_GOLDEN = 0.6180339887498949  # steps of the golden ratio spread evenly over [0, 1)


def plan_shard(
    subjects: str | os.PathLike[str],
    donors: str | os.PathLike[str],
    prompts: str | os.PathLike[str],
    subjects_root: str | os.PathLike[str],
    multiview_root: str | os.PathLike[str],
    kinds: Mapping[str, float],
    shard: str,
    samples_per_shard: int,
    seed: int,
    out: str | os.PathLike[str],
    texts: str | os.PathLike[str] | None = None,
) -> None:
    """Plan the candidate pairs of a shard and write them as Parquet.

    Columns: sample (number of the sample), shard (five digits), row (within the shard), sample_id
    (16 hexadecimal digits, see `sample_id`), subject, class_word, image and mask (relative to the
    subjects' folder, mask "" for none), kind, prompt (text of the target), source_prompt (editing
    kinds: text of the unedited picture; "" for generation), donor (picture of another object of the
    class: its depth is the pose of the generated view), donor_folder (multiview or subjects: what
    donor is relative to), attempt
    (which turn of its subject this is, from 0), subject_licence, donor_licence (see
    `toffee.config.licences`), seed_<stage> for each of `STAGES` (see `stage_seed`), and the SHA-256
    of the three files (image_sha256, mask_sha256, donor_sha256).

    A plan says by their digests which pictures its shard is drawn from, so no job of a shard has to
    look through folders of millions of files.

    Subjects take turns, each round in an order of its own. The kinds' shares hold in every stretch
    of samples, to within a few samples.

    Args:
        subjects, donors: what to choose from (see `list_subjects`).
        prompts: YAML file with the lists contexts, colours, textures and styles.
        subjects_root, multiview_root: the folders that were listed.
        kinds: kind → share of samples, adding up to 1.
        shard: its number, five digits.
        samples_per_shard: samples in every shard.
        seed: the run's seed.
        out: Parquet file to write.
        texts: text file of own contexts, in place of those of `prompts`.

    Raises:
        ToffeeError: an input is missing or malformed, or a kind has no prompts.
    """
    parts, listed = read_prompt_parts(prompts, texts), read_subjects(subjects)
    words = sorted({one.class_word for one in listed})
    check_kinds(kinds, parts, words, prompts, texts or prompts)
    drawer = _Drawer(listed, read_donors(donors), parts, dict(kinds), seed)
    first = int(shard) * samples_per_shard
    rows: list[dict[str, Any]] = [
        {"sample": first + row, "shard": shard, "row": row} | drawer.draw(first + row)
        for row in range(samples_per_shard)
    ]
    digest = cache(file_digest)  # subjects and donors return
    roots = {MULTIVIEW: Path(multiview_root), SUBJECTS: Path(subjects_root)}
    for row in rows:
        row["image_sha256"] = digest(Path(subjects_root) / row["image"])
        row["mask_sha256"] = digest(Path(subjects_root) / row["mask"]) if row["mask"] else ""
        row["donor_sha256"] = digest(roots[row["donor_folder"]] / row["donor"])
    with atomic_path(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), temporary)


def read_plan(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the plan of a shard, a row a sample.

    Raises:
        ToffeeError: the file is missing, or a column is.
    """
    try:
        missing = [name for name in COLUMNS if name not in pq.read_schema(path).names]
        if missing:
            raise ToffeeError(f"{path}: column {missing[0]} is missing, expected a plan of samples")
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: cannot be read, expected a plan in Parquet") from error


def other_prompts(row: Mapping[Any, Any], parts: PromptParts) -> list[str]:
    """What the prompt of a planned edit could have been: every other change of its kind, and where
    it says something else the text of the picture before it. Nothing for generation.

    "a mug" is as true of a purple mug as "a purple mug" is, so it is no other colour or texture,
    unless there is no other.
    """
    kind, source, word = row["kind"], row["source_prompt"], row["class_word"]
    contexts = parts.contexts_of(word)
    here = [one for one in contexts if in_context(one, word) == source]
    every = {
        "generation": [],
        "background": [in_context(one, word) for one in contexts],
        "colour": [in_context(one, new, word) for one in here for new in parts.colours],
        "texture": [in_context(one, new, word) for one in here for new in parts.textures],
        "style": [f"{one} {source}" for one in parts.styles],
    }[kind]
    if source and (kind in ("background", "style") or len(every) < 2):
        every = [*every, source]
    return [text for text in dict.fromkeys(every) if text != row["prompt"]]


def sample_id(seed: int, subject: str, prompt: str, kind: str, attempt: int) -> str:
    """The name of a sample: 16 hexadecimal digits of a SHA-256 over what it depends on."""
    parts = json.dumps([int(seed), subject, prompt, kind, int(attempt)])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def stage_seed(
    run_seed: int, stage: str, subject: str, prompt: str, kind: str, attempt: int
) -> int:
    """Seed of the noise that one stage draws a sample from (see `toffee.runtime.seeds.seed_of`)."""
    return seed_of(run_seed, f"{stage}/{kind}", subject, prompt, attempt)


class _Drawer:
    """Draws sample k, whatever was drawn before."""

    def __init__(
        self,
        subjects: Sequence[ListedSubject],
        donors: Mapping[str, Sequence[Donor]],
        parts: PromptParts,
        kinds: Mapping[str, float],
        seed: int,
    ) -> None:
        self.subjects = subjects
        self.donors = donors
        self.parts = parts
        self.contexts = {
            word: parts.contexts_of(word) for word in {one.class_word for one in subjects}
        }
        self.kinds = kinds
        self.seed = seed
        self.start = seed_of(seed, "plan kind") / 2**SEED_BITS
        self.round = -1
        self.order: list[ListedSubject] = []

    def draw(self, k: int) -> dict[str, Any]:
        # A subject has one turn in each round, so (subject, attempt) is a name of the sample.
        attempt, place = divmod(k, len(self.subjects))
        subject = self._order(attempt)[place]
        kind = self._kind(k)
        context, prompt = self._prompt(subject, kind, attempt)

        def choose(stage: str, options: Sequence[Any]) -> Any:
            """Draw what follows from the sample's identity alone."""
            draw = seed_of(self.seed, f"plan {stage} {kind}", subject.subject, prompt, attempt)
            return options[draw % len(options)]

        source = in_context(context, subject.class_word)
        if kind == "generation":
            source = ""
        elif kind == "background":
            others = [other for other in self.contexts[subject.class_word] if other != context]
            source = in_context(choose("source", others), subject.class_word)
        # Its own pose would make the pair a copy.
        own = Donor(subject.image, subject.licence, SUBJECTS)
        donor = choose("donor", [one for one in self.donors[subject.class_word] if one != own])
        identity = (subject.subject, prompt, kind, attempt)
        return {
            "sample_id": sample_id(self.seed, *identity),
            "subject": subject.subject,
            "class_word": subject.class_word,
            "image": subject.image,
            "mask": subject.mask,
            "kind": kind,
            "prompt": prompt,
            "source_prompt": source,
            "donor": donor.frame,
            "donor_folder": donor.folder,
            "attempt": attempt,
            "subject_licence": subject.licence,
            "donor_licence": donor.licence,
            **{f"seed_{stage}": stage_seed(self.seed, stage, *identity) for stage in STAGES},
        }

    def _order(self, turn: int) -> list[ListedSubject]:
        """The subjects in the order of a round; that of the last round asked for is kept."""
        if turn != self.round:
            self.round = turn
            self.order = sorted(
                self.subjects,
                key=lambda subject: seed_of(self.seed, "plan order", subject.subject, "", turn),
            )
        return self.order

    def _kind(self, k: int) -> str:
        # A low-discrepancy sequence keeps to the shares in every stretch; independent draws would
        # leave a rare kind to chance in a small dataset.
        point = (self.start + k * _GOLDEN) % 1.0
        total = 0.0
        for kind in KINDS:
            total += self.kinds.get(kind, 0.0)
            if point < total:
                return kind
        return next(kind for kind in reversed(KINDS) if self.kinds.get(kind, 0.0) > 0)

    def _prompt(self, subject: ListedSubject, kind: str, attempt: int) -> tuple[str, str]:
        """(context, prompt) of a subject's turn."""

        def choose(stage: str, options: Sequence[str]) -> str:
            draw = seed_of(self.seed, f"plan {stage} {kind}", subject.subject, "", attempt)
            return options[draw % len(options)]

        context = choose("context", self.contexts[subject.class_word])
        words = [subject.class_word]
        if kind in ("colour", "texture"):
            # An edit to the colour or texture that the subject already has would change nothing.
            options = self.parts.colours if kind == "colour" else self.parts.textures
            known = subject.caption.lower().split()
            changes = [word for word in options if word.lower() not in known] or options
            words.insert(0, choose("change", changes))
        prompt = in_context(context, *words)
        if kind == "style":
            prompt = f"{choose('style', self.parts.styles)} {prompt}"
        return context, prompt
