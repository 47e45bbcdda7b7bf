"""The plan of samples: which subject, prompt, kind and pose each candidate pair is made from.

Sample k depends on (run seed, k) and on the folders, prompts and shares that it is drawn from: not
on the number of shards, nor on their size. So more shards, or larger ones, append samples and
change none. The pictures of a sample draw their noise from (run seed, stage, subject, prompt,
attempt), all of which stand in its row.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from toffee.data.multiview import load_multiview
from toffee.data.subjects import Subject, SubjectFolder, load_subjects, write_quarantine
from toffee.errors import ToffeeError
from toffee.files import atomic_path
from toffee.seeds import SEED_BITS, seed_of
from toffee.synthesis import KINDS

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
        ("kind", pa.string()),
        ("prompt", pa.string()),
        ("source_prompt", pa.string()),
        ("donor", pa.string()),
        ("attempt", pa.int64()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)
_GOLDEN = 0.6180339887498949  # steps of the golden ratio spread evenly over [0, 1)


@dataclass(frozen=True)
class PromptParts:
    """What prompts are made of.

    Attributes:
        contexts: places, e.g. "on the grass".
        colours: e.g. "red".
        textures: e.g. "striped".
        styles: beginnings of a text, e.g. "a sketch of".
    """

    contexts: list[str]
    colours: list[str]
    textures: list[str]
    styles: list[str]


def shard_name(number: int) -> str:
    """The name of a shard: five digits, from 00000."""
    return f"{number:05d}"


def plan_samples(
    subjects: str | os.PathLike,
    multiview: str | os.PathLike,
    prompts: str | os.PathLike,
    kinds: Mapping[str, float],
    shards: int,
    samples_per_shard: int,
    seed: int,
    out: str | os.PathLike,
    quarantine: str | os.PathLike | None = None,
) -> None:
    """Plan all candidate pairs and write them as Parquet, one row group a shard.

    Columns: sample (number of the sample), shard (five digits), row (within the shard), sample_id
    (16 hexadecimal digits, see `sample_id`), subject, class_word, image and mask (relative to the
    subjects' folder, mask "" for none), kind, prompt (text of the target), source_prompt (editing
    kinds: text of the unedited picture; "" for generation), donor (frame of another object of the
    class, relative to the multi-view folder: its depth is the pose of the generated view), attempt
    (how many earlier samples have the same subject, prompt and kind).

    Subjects take turns, each round in an order of its own. The kinds' shares hold in every stretch
    of samples, to within a few samples.

    Args:
        subjects: image folder (see `load_subjects`).
        multiview: multi-view folder (see `load_multiview`).
        prompts: YAML file with the lists contexts, colours, textures and styles.
        kinds: kind → share of samples, adding up to 1.
        shards: number of shards.
        samples_per_shard: samples in each.
        seed: the run's seed.
        out: Parquet file to write.
        quarantine: CSV file to write with the pictures that were set aside, if asked for.

    Raises:
        ToffeeError: an input is missing or malformed, a kind has no prompts, or a class word has no
            multi-view sequence.
    """
    folder = load_subjects(subjects)
    donors = _donors(Path(multiview), folder)
    parts = read_prompt_parts(prompts)
    _check_kinds(kinds, parts, prompts)
    drawer = _Drawer(folder, donors, parts, dict(kinds), seed)
    with atomic_path(out) as temporary, pq.ParquetWriter(temporary, _SCHEMA) as writer:
        for shard in range(shards):
            first = shard * samples_per_shard
            rows = [
                {"sample": first + row, "shard": shard_name(shard), "row": row}
                | drawer.draw(first + row)
                for row in range(samples_per_shard)
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA))
    if quarantine is not None:
        write_quarantine(folder.quarantine, quarantine)


def read_plan(path: str | os.PathLike, shard: str | None = None) -> pd.DataFrame:
    """Read the plan, or the rows of one shard in their order.

    Raises:
        ToffeeError: the file is missing, a column is, or there is no such shard.
    """
    try:
        missing = [name for name in COLUMNS if name not in pq.read_schema(path).names]
        if missing:
            raise ToffeeError(f"{path}: column {missing[0]} is missing, expected a plan of samples")
        rows = pd.read_parquet(path, filters=shard and [("shard", "==", shard)])
    except (OSError, ValueError) as error:
        raise ToffeeError(f"{path}: cannot be read, expected a plan in Parquet") from error
    if shard and rows.empty:
        raise ToffeeError(f"{path}: no such shard {shard} in this plan")
    return rows.sort_values("sample").reset_index(drop=True)


def sample_id(seed: int, subject: str, prompt: str, kind: str, attempt: int) -> str:
    """The name of a sample: 16 hexadecimal digits of a SHA-256 over what it depends on."""
    parts = json.dumps([int(seed), subject, prompt, kind, int(attempt)])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def read_prompt_parts(path: str | os.PathLike) -> PromptParts:
    """Read the YAML file of contexts, colours, textures and styles.

    Raises:
        ToffeeError: the file is missing, is no such YAML, or has a missing or unknown key.
    """
    names = tuple(PromptParts.__dataclass_fields__)
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ToffeeError(f"{path}: cannot be read, expected a prompt file") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ToffeeError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(values, dict) or set(values) != set(names):
        found = ", ".join(map(str, values)) if isinstance(values, dict) else "no mapping"
        raise ToffeeError(f"{path}: expected the keys {', '.join(names)}, got {found}")
    for name in names:
        entries = values[name] if values[name] is not None else []
        if not isinstance(entries, list) or not all(isinstance(e, str) and e for e in entries):
            raise ToffeeError(f"{path}: {name} should be a list of texts, quote words like 'on'")
        if len(set(entries)) < len(entries):
            raise ToffeeError(f"{path}: {name} names a text twice, expected different ones")
        values[name] = entries
    return PromptParts(**values)


class _Drawer:
    """Draws sample after sample; `draw` is called with 0, 1, 2, ... to count attempts."""

    def __init__(
        self,
        folder: SubjectFolder,
        donors: Mapping[str, Sequence[str]],
        parts: PromptParts,
        kinds: Mapping[str, float],
        seed: int,
    ) -> None:
        self.folder = folder
        self.donors = donors
        self.parts = parts
        self.kinds = kinds
        self.seed = seed
        self.attempts: Counter[tuple[str, str, str]] = Counter()
        self.paths = {
            subject.subject: {
                "image": folder.relative(subject.image),
                "mask": folder.relative(subject.mask),
            }
            for subject in folder.subjects
        }
        self.start = seed_of(seed, "plan kind") / 2**SEED_BITS
        self.round = -1
        self.order: list[Subject] = []

    def draw(self, k: int) -> dict:
        subject = self._subject(k)
        kind = self._kind(k)
        context, prompt = self._prompt(subject, kind, k)
        key = (subject.subject, prompt, kind)
        attempt = self.attempts[key]
        self.attempts[key] += 1

        def choose(stage: str, options: Sequence[str]) -> str:
            """Draw what follows from the sample's identity alone."""
            draw = seed_of(self.seed, f"plan {stage} {kind}", subject.subject, prompt, attempt)
            return options[draw % len(options)]

        source = f"{noun_phrase(subject.class_word)} {context}"
        if kind == "generation":
            source = ""
        elif kind == "background":
            others = [other for other in self.parts.contexts if other != context]
            source = f"{noun_phrase(subject.class_word)} {choose('source', others)}"
        return {
            "sample_id": sample_id(self.seed, subject.subject, prompt, kind, attempt),
            "subject": subject.subject,
            "class_word": subject.class_word,
            **self.paths[subject.subject],
            "kind": kind,
            "prompt": prompt,
            "source_prompt": source,
            "donor": choose("donor", self.donors[subject.class_word]),
            "attempt": attempt,
        }

    def _subject(self, k: int) -> Subject:
        turn, place = divmod(k, len(self.folder))
        if turn != self.round:
            self.round = turn
            self.order = sorted(
                self.folder.subjects,
                key=lambda subject: seed_of(self.seed, "plan order", subject.subject, "", turn),
            )
        return self.order[place]

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

    def _prompt(self, subject: Subject, kind: str, k: int) -> tuple[str, str]:
        """(context, prompt) of sample k."""

        def choose(stage: str, options: Sequence[str]) -> str:
            draw = seed_of(self.seed, f"plan {stage} {kind}", subject.subject, "", k)
            return options[draw % len(options)]

        context = choose("context", self.parts.contexts)
        words = [subject.class_word]
        if kind in ("colour", "texture"):
            # An edit to the colour or texture that the subject already has would change nothing.
            options = self.parts.colours if kind == "colour" else self.parts.textures
            known = subject.caption.lower().split()
            changes = [word for word in options if word.lower() not in known] or options
            words.insert(0, choose("change", changes))
        prompt = f"{noun_phrase(*words)} {context}"
        if kind == "style":
            prompt = f"{choose('style', self.parts.styles)} {prompt}"
        return context, prompt


def noun_phrase(*words: str) -> str:
    """Words with their indefinite article: "a red crate", "an orange crate"."""
    phrase = " ".join(words)
    return f"{'an' if phrase[:1].lower() in 'aeiou' else 'a'} {phrase}"


def _donors(multiview: Path, folder: SubjectFolder) -> dict[str, list[str]]:
    """Class word → frames of all its sequences, relative to the multi-view folder."""
    donors: dict[str, list[str]] = {}
    for sequence in load_multiview(multiview):
        donors.setdefault(sequence.class_word, []).extend(
            frame.relative_to(multiview).as_posix() for frame in sequence.frames
        )
    for subject in folder.subjects:
        if subject.class_word not in donors:
            raise ToffeeError(
                f"{multiview}: no sequence of class {subject.class_word!r} "
                f"(subject {subject.subject}), expected {subject.class_word}/<sequence>/images"
            )
    return donors


def _check_kinds(kinds: Mapping[str, float], parts: PromptParts, path: str | os.PathLike) -> None:
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
    for kind, share in kinds.items():
        name, least = needed[kind]
        if share > 0 and not parts.contexts:
            raise ToffeeError(f"{path}: contexts is empty, expected at least one")
        if share > 0 and len(getattr(parts, name)) < least:
            raise ToffeeError(f"{path}: {name} has too few texts for {kind}, expected {least}")
