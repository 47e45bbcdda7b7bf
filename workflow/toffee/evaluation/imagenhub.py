"""The benchmark's pictures in ImagenHub's layout, which other projects' scorers and viewers read.

    <out>/dataset_lookup.json    sample_<uid>.jpg → subject_id, subject, prompt (with <token>)
    <out>/dataset_lookup.csv     uid
    <out>/input/sample_0.jpg     the kept photo of the sample's subject
    <out>/<method>/sample_0.jpg  the picture

Source: TIGER-AI-Lab/ImagenHub at 439f72c, src/imagen_hub/benchmark/subject_driven_ig.py and
utils/visualizer.py. A sample is a subject, a prompt and a generation seed, in this order.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.runtime.errors import ToffeeError
from toffee.runtime.files import atomic_path
from toffee.runtime.progress import progress
from toffee.storage.encoding import encode
from toffee.storage.reader import Shard

LOOKUP = "dataset_lookup.json"
TOKEN = "<token>"
JPEG = b"\xff\xd8\xff"


def export_imagenhub(
    *, images: Sequence[str | Path], files: BenchmarkFiles, out: str | Path, draws: int
) -> None:
    """Write the pictures of methods, all of one benchmark.

    Args:
        images: files of `write_benchmark_images`, of any method, seed or group of subjects.
        files: the benchmark.
        out: folder to write, described above; one that exists is replaced as a whole.
        draws: number of generation seeds.
    """
    benchmark, kept = files.load()
    lookup: dict[str, dict[str, object]] = {}
    names: dict[tuple[str, str, str], str] = {}
    with atomic_path(out) as folder:
        (folder / "input").mkdir(parents=True)
        for number, subject in enumerate(benchmark.subjects):
            with Image.open(subject.photos[kept[subject.subject]]) as picture:
                photo = encode(np.asarray(picture.convert("RGB")), "jpeg")
            for prompt in subject.prompts:
                text = prompt.template.format(TOKEN, subject.class_word)
                for seed in range(draws):
                    name = f"sample_{len(lookup)}.jpg"
                    names[subject.subject, prompt.text, str(seed)] = name
                    entry = {"subject_id": number, "subject": subject.subject, "prompt": text}
                    lookup[name] = entry
                    (folder / "input" / name).write_bytes(photo)
        for path in progress(images, desc="export ImagenHub", unit="file"):
            _write(Path(path), names, folder)
        text = json.dumps(lookup, indent=4, ensure_ascii=False) + "\n"
        (folder / LOOKUP).write_text(text, encoding="utf-8")
        (folder / "dataset_lookup.csv").write_text("\n".join(["uid", *lookup]) + "\n")


def _write(path: Path, names: Mapping[tuple[str, str, str], str], folder: Path) -> None:
    """The pictures of one file."""
    with Shard(path) as shard:
        columns = (shard.column(name) for name in ("method", "subject", "prompt", "seed"))
        for row, (method, *key) in enumerate(zip(*columns, strict=True)):
            name = names.get((str(key[0]), str(key[1]), str(key[2])))
            if name is None:
                raise ToffeeError(f"{path}: {key[0]}, {key[1]}: no such prompt in the benchmark")
            data = bytes(shard.encoded("image", row))
            if not data.startswith(JPEG):
                data = encode(shard.arrays("image", [row])[0], "jpeg")
            (folder / str(method)).mkdir(exist_ok=True)
            (folder / str(method) / name).write_bytes(data)


def read_lookup(path: Path) -> dict[str, tuple[str, str]]:
    """Subject and prompt of each sample, by its file's name.

    Raises:
        ToffeeError: the file cannot be read, or an entry has none of these.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): (str(e["subject"]), str(e["prompt"])) for name, e in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ToffeeError(
            f"{path}: expected sample_<uid>.jpg → subject, prompt ({error!r})"
        ) from None
