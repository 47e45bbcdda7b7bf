"""Boxes from class words: geometry with given network outputs, the rest with random weights."""

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, GroundingDinoImageProcessorPil, GroundingDinoProcessor

from toffee.data.loaders.images import to_arrays
from toffee.models import detector as module
from toffee.models.detector import Detector, phrase

HEIGHT, WIDTH = 48, 96


@pytest.fixture(scope="module")
def detector(detector_folder):
    return Detector(detector_folder)


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))


class Given:
    """Network output: for each picture boxes (centre, size; shares of the picture), each with the
    probability of each token."""

    def __init__(self, *pictures):
        queries = max(len(picture) for picture in pictures)
        self.logits = torch.full((len(pictures), queries, 256), -torch.inf)
        self.pred_boxes = torch.full((len(pictures), queries, 4), 0.5)
        for row, picture in enumerate(pictures):
            for query, (box, tokens) in enumerate(picture):
                self.pred_boxes[row, query] = torch.tensor(box)
                for token, probability in tokens.items():
                    self.logits[row, query, token] = torch.logit(torch.tensor(probability))


A, MUG, STOP = 1, 2, 3  # places of the tokens of "[CLS] a mug . [SEP]"
LEFT, RIGHT = (0.25, 0.5, 0.1, 0.25), (0.75, 0.25, 0.5, 0.5)


def answers(monkeypatch, detector, *pictures) -> None:
    monkeypatch.setattr(detector.model, "forward", lambda **inputs: Given(*pictures))


def test_the_likeliest_box_comes_in_the_pictures_pixels(monkeypatch, detector, images):
    answers(
        monkeypatch,
        detector,
        [(RIGHT, {MUG: 0.4}), (LEFT, {MUG: 0.9})],
        [(RIGHT, {A: 0.5, MUG: 0.31})],
    )
    left, right = detector.detect(images[:2], ["mug", "mug"])
    # x: 0.25 ∓ 0.05 of 96; y: 0.5 ∓ 0.125 of 48
    assert torch.allclose(left, torch.tensor([19.2, 18.0, 28.8, 30.0]))
    assert torch.allclose(right, torch.tensor([48.0, 0.0, 96.0, 24.0]))


def test_what_is_unlikely_or_not_called_by_the_word_is_no_box(monkeypatch, detector, images):
    answers(
        monkeypatch,
        detector,
        [(LEFT, {MUG: 0.29, A: 0.2})],
        [(LEFT, {A: 0.9, STOP: 0.9, MUG: 0.24})],
        [(LEFT, {A: 0.9}), (RIGHT, {A: 0.5, MUG: 0.26})],
    )
    unlikely, unnamed, named = detector.detect(images, ["mug"] * 3)
    assert unlikely is None and unnamed is None
    assert torch.allclose(named, torch.tensor([48.0, 0.0, 96.0, 24.0]))


def test_the_network_is_given_everything_on_its_device(monkeypatch, detector, images):
    given = []

    def forward(**inputs):
        given.extend(value.device.type for value in inputs.values())
        return Given([(LEFT, {MUG: 0.9})])

    monkeypatch.setattr(module, "device", lambda: torch.device("meta"))
    monkeypatch.setattr(detector.model, "forward", forward)
    (box,) = detector.detect(images[:1], ["mug"])
    assert len(given) >= 4 and set(given) == {"meta"} and box.device.type == "cpu"


def test_words_are_asked_in_lower_case_between_article_and_full_stop():
    assert phrase("Stuffed Animal") == "a stuffed animal."
    assert phrase("mug.") == "a mug."


def test_boxes_are_those_of_the_documented_call_whatever_the_batch(
    monkeypatch, detector, detector_folder, images
):
    """Reference: transformers' example of zero-shot detection, one picture after the other."""
    monkeypatch.setattr(module, "BOX_THRESHOLD", 0.0)
    monkeypatch.setattr(module, "TEXT_THRESHOLD", 0.0)
    words = ["mug", "stuffed animal", "backpack"]
    found = detector.detect(images, words)
    processor = GroundingDinoProcessor(
        GroundingDinoImageProcessorPil.from_pretrained(detector_folder),
        AutoTokenizer.from_pretrained(detector_folder),
    )
    for array, word, box in zip(to_arrays(images), words, found, strict=True):
        picture = Image.fromarray(array)
        inputs = processor(images=picture, text=f"a {word}.", return_tensors="pt")
        with torch.no_grad():
            outputs = detector.model(**inputs)
        (result,) = processor.post_process_grounded_object_detection(
            outputs, inputs.input_ids, 0.0, 0.0, target_sizes=[picture.size[::-1]]
        )
        assert torch.allclose(box, result["boxes"][result["scores"].argmax()], atol=1e-2)
    assert not torch.allclose(found[0], found[1], atol=1e-2)
    monkeypatch.setattr(detector, "batch", 1)
    for whole, alone in zip(found, detector.detect(images, words), strict=True):
        assert torch.allclose(whole, alone, atol=1e-2)
