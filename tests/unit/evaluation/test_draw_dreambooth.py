"""Which photos DreamBooth is tuned on, and what is written of it."""

import pandas as pd
import pytest
import torch

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.evaluation.draw import dreambooth
from toffee.storage.reader import Shard

from .test_pictures import SUBJECTS, benchmark  # noqa: F401

TUNING = Tuning(1, 1, 5e-6, True, 1, 1.0, 2.0)


class Model:
    """In place of a diffusion model: it keeps how many photos it saw of whom."""

    latent_shape = (4, 2, 2)
    seen: dict[str, int] = {}

    def __init__(self, *arguments) -> None:
        Model.seen = {}

    def prepare_class(self, word):
        pass

    def tune(self, subject, word, photos):
        Model.seen[subject] = len(photos)

    def draw(self, texts, start):
        return torch.zeros(len(texts), 3, 16, 16)


@pytest.mark.parametrize(("tuned", "count"), [("dreambooth", 3), ("dreambooth_one_photo", 1)])
def test_the_one_photo_is_the_kept_one(benchmark, tmp_path, monkeypatch, tuned, count):  # noqa: F811
    for name in SUBJECTS:
        photo = benchmark / "dataset" / name / "00.jpg"
        for number in (1, 2):
            photo.with_name(f"0{number}.jpg").write_bytes(photo.read_bytes())
    references = tmp_path / "references.yaml"
    references.write_text('"*": 01.jpg\n')
    monkeypatch.setattr(dreambooth, "DreamBooth", Model)
    dreambooth.generate_dreambooth(
        benchmark=benchmark,
        references=references if count == 1 else None,
        text_to_image=tmp_path,
        tuned=tuned,
        out=tmp_path / "0.h5",
        seconds=tmp_path / "0.csv",
        group=0,
        groups=1,
        draws=1,
        tuning=TUNING,
        drawing=Drawing(16, 25, 95),
        sampling=Sampling(1, 1.0),
        seed=0,
    )
    assert Model.seen == dict.fromkeys(SUBJECTS, count)
    with Shard(tmp_path / "0.h5") as shard:
        assert set(shard.column("method")) == {tuned} and len(shard) == 50
    times = pd.read_csv(tmp_path / "0.csv")
    assert times["tune_seconds"].between(0, 60).all() and list(times["subject"]) == list(SUBJECTS)
