"""Held-out figures of the zoo, against closed forms and against models that know the answer."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from toffee.data.world.subject import draw_scene, draw_subject
from toffee.models.depth import normalise
from toffee_zoo import measure
from toffee_zoo.measure import psnr, read, sharpness

PICTURES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Data:
    """Renders of the held-out split: three subjects, two views each; one is a sketch."""

    views = 2
    attributes = pd.DataFrame(
        {"style": ["photo"] * 5 + ["sketch"], "class_word": ["mug"] * 4 + ["car"] * 2}
    )
    maps = {"mask": PICTURES[:, 0] > 0.5, "depth": PICTURES[:, 1] * 0.7}

    def __len__(self):
        return len(PICTURES)

    def images(self, rows):
        return PICTURES[rows]

    def array(self, name, rows):
        return self.maps[name][rows]


def test_psnr_and_sharpness_of_known_errors():
    assert psnr(PICTURES + 0.1, PICTURES) == pytest.approx(20)
    assert psnr(PICTURES + 0.01, PICTURES) == pytest.approx(40)
    assert sharpness(PICTURES + 0.3, PICTURES) == pytest.approx(1)  # detail, not brightness
    assert sharpness(PICTURES * 0.5, PICTURES) == pytest.approx(0.5)
    soft = F.avg_pool2d(PICTURES, 3, stride=1, padding=1)
    assert sharpness(soft, PICTURES) < 0.3


def test_the_autoencoder_is_measured_on_photos_after_both_ways(monkeypatch):
    seen = []

    class Half:
        def __init__(self, folder):
            pass

        def encode(self, images):
            seen.append(len(images))
            return images * 0.5

        def decode(self, latents):
            return latents

    monkeypatch.setattr(measure, "Autoencoder", Half)
    figures = measure.measure_autoencoder(None, Data())
    photos = PICTURES[:5]
    assert seen == [5]
    assert figures["laplacian"] == 0.5
    assert figures["psnr"] == psnr(photos * 0.5, photos)


def test_masks_and_depth_are_compared_with_the_truth(monkeypatch):
    truth = Data.maps["mask"]
    found = truth.clone()
    found[1] = False  # one was not found: it counts as a miss
    segmenter = SimpleNamespace(segment=lambda images, words: found)
    monkeypatch.setattr(measure, "SemanticSegmenter", lambda folder: segmenter)
    assert measure.measure_segmenter(None, Data()) == {"iou": round(5 / 6, 3)}
    depth = normalise(Data.maps["depth"])
    monkeypatch.setattr(measure, "DepthEstimator", lambda folder: lambda images: depth + 0.25)
    assert measure.measure_depth(None, Data()) == {"error": 0.25, "inside": 0.25}


def test_an_encoder_must_find_the_other_view_of_the_same_subject(monkeypatch):
    # Of three subjects, the first view of the last is nearest to the second.
    tokens = torch.eye(3)[[0, 0, 1, 1, 1, 2]]
    encode = lambda images: (tokens[[PICTURES.tolist().index(i) for i in images.tolist()]], None)  # noqa: E731
    monkeypatch.setattr(measure, "SubjectEncoder", lambda folder: SimpleNamespace(encode=encode))
    assert measure.measure_encoder(None, Data()) == {"found": round(2 / 3, 3)}


class Words:
    """A CLIP whose space has one axis per word; it sees exactly the words that it is given."""

    def __init__(self, seen):
        self.words = {}
        self.seen = [self.embed(text) for text in seen]

    def embed(self, text):
        vector = torch.zeros(64)
        for word in text.split():
            vector[self.words.setdefault(word, len(self.words))] = 1
        return vector

    def text_features(self, texts):
        return F.normalize(torch.stack([self.embed(text) for text in texts]), dim=-1)

    def image_features(self, pictures):
        return F.normalize(torch.stack(self.seen), dim=-1)


def test_a_picture_is_read_by_its_words():
    subjects = [
        draw_subject(n, "train", class_word="mug", colour="red", texture="striped")
        for n in range(2)
    ]
    contents = [(subject, draw_scene(0, background="snow", light="sunset")) for subject in subjects]
    right = "a red striped mug in the snow at sunset"
    wrong = "a blue zigzag mug in the snow at dusk"
    figures = read(Words([right, wrong]), PICTURES[:2], contents)
    assert figures == {"class": 1.0, "colour": 0.5, "background": 1.0, "light": 0.5, "texture": 0.5}
    assert np.mean(list(read(Words([right, right]), PICTURES[:2], contents).values())) == 1


def test_no_light_is_read_at_night():
    subject = draw_subject(0, "train", class_word="mug", colour="red", texture="striped")
    scenes = (("snow", "dusk"), ("night", "day"))
    contents = [(subject, draw_scene(0, background=place, light=light)) for place, light in scenes]
    right = "a red striped mug in the snow at dusk"
    figures = read(Words([right, "a red striped mug at night at dusk"]), PICTURES[:2], contents)
    assert figures["light"] == 1.0  # of the first alone
