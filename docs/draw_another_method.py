"""Pictures of another method for table dreambench: a collage, in the place of a model of yours.

    python docs/draw_another_method.py results/tiny my_collage

It pastes the subject, cut from the photo that all methods see, over what the base model drew for
each prompt. Write your model's pictures under the same names.
"""

import argparse
from pathlib import Path

from PIL import Image

from toffee.evaluation.benchmark import BenchmarkFiles
from toffee.models.segmenter import load_segmenter
from toffee.storage.reader import Shard
from toffee.use.subject import as_picture, find_subject, read_photo

REFERENCES = Path(__file__).parents[1] / "config" / "references" / "world.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results of a run, e.g. results/tiny")
    parser.add_argument("out", type=Path, help="folder to write")
    given = parser.parse_args()
    benchmark, kept = BenchmarkFiles(given.results / "world" / "benchmark", REFERENCES).load()
    segmenter = load_segmenter(given.results / "models" / "segmenter")
    cut = {}
    for one in benchmark.subjects:
        path = one.photos[kept[one.subject]]
        photo = read_photo(path)
        mask = as_picture(find_subject(segmenter, photo, one.class_word, path))
        cut[one.subject] = photo, mask
    places = {(s.subject, p.text): n for s in benchmark.subjects for n, p in enumerate(s.prompts)}
    for drawn in sorted((given.results / "evaluation/dreambench/text_only").glob("[0-9]*.h5")):
        with Shard(drawn) as shard:
            columns = (shard.column(name) for name in ("subject", "prompt", "seed"))
            for row, (subject, prompt, seed) in enumerate(zip(*columns, strict=True)):
                scene = Image.fromarray(shard.arrays("image", [row])[0])
                photo, mask = cut[subject]
                path = given.out / subject / f"{places[subject, prompt]:02d}_{seed}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.composite(photo, scene, mask).save(path)


if __name__ == "__main__":
    main()
