"""Grounded SAM: masks lie where the boxes are, the best one is taken, nothing found is empty."""

import json
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch.nn import Linear
from transformers import SamImageProcessorPil, SamProcessor

from toffee.data.loaders.images import to_arrays
from toffee.models import grounded_segmenter as module
from toffee.models.grounded_segmenter import GroundedSegmenter
from toffee.models.segmenter import load_segmenter
from toffee.models.semantic_segmenter import SemanticSegmenter
from toffee.runtime.compute import Compute, computing
from toffee.runtime.errors import ToffeeError

BOXES = {"mug": (12.0, 6.0, 36.0, 30.0), "car": (54.0, 14.0, 90.0, 36.0), "ghost": None}


class Boxes:
    """Stands in for the detector: a box by the class word."""

    def detect(self, images, class_words):
        boxes = [BOXES[word] for word in class_words]
        return [None if box is None else torch.tensor(box) for box in boxes]


@pytest.fixture
def segmenter(sam_folder):
    return GroundedSegmenter(sam_folder, Boxes())


def pictures(height: int, width: int, count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


SIDE = 64
"""Pixels of this SAM's input."""


def draws_its_prompt(best: int):
    """A SAM whose candidate `best` is the box that it is prompted with; the others are all set."""

    def forward(image_embeddings, input_boxes, multimask_output):
        assert multimask_output and image_embeddings.dtype == input_boxes.dtype == torch.float32
        side = SIDE // 4  # SAM's masks have a quarter of its input's side
        ticks = (torch.arange(side) + 0.5) * 4
        masks = torch.full((len(input_boxes), 1, 3, side, side), 1.0)
        left, top, right, bottom = (input_boxes[:, 0, i, None, None] for i in range(4))
        x, y = ticks[None, None], ticks[None, :, None]
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        masks[:, 0, best] = inside.float() * 2 - 1
        scores = torch.full((len(input_boxes), 1, 3), 0.5)
        scores[:, 0, best] = 0.9
        return SimpleNamespace(pred_masks=masks, iou_scores=scores)

    return forward


@pytest.mark.parametrize(("height", "width"), [(48, 96), (96, 96), (128, 96)])
@pytest.mark.parametrize("best", [0, 2])
def test_the_best_mask_lies_where_the_box_is(monkeypatch, segmenter, height, width, best):
    monkeypatch.setattr(segmenter.model, "forward", draws_its_prompt(best))
    masks = segmenter.segment(pictures(height, width), ["mug", "ghost", "car"])
    assert masks.shape == (3, height, width) and masks.dtype == torch.bool
    assert not masks[1].any()
    for mask, word in ((masks[0], "mug"), (masks[2], "car")):
        left, top, right, bottom = map(int, BOXES[word])
        expected = torch.zeros(height, width, dtype=torch.bool)
        expected[top:bottom, left:right] = True
        # A cell of the mask is 4 pixels of SAM's input, up to 8 of the picture: half is rounding.
        near = F.max_pool2d(expected[None].float(), 11, stride=1, padding=5)[0].bool()
        core = -F.max_pool2d(-expected[None].float(), 11, stride=1, padding=5)[0]
        assert mask[core.bool()].all() and not mask[~near].any(), word
        assert mask.any()


def test_masks_are_those_of_the_documented_call_whatever_the_batch(segmenter, sam_folder):
    """Reference: transformers' example of prompting with a box, one picture after the other."""
    images, words = pictures(48, 96), ["mug", "car", "mug"]
    masks = segmenter.segment(images, words)
    processor = SamProcessor(SamImageProcessorPil.from_pretrained(sam_folder))
    for array, word, mask in zip(to_arrays(images), words, masks, strict=True):
        inputs = processor(
            Image.fromarray(array), input_boxes=[[list(BOXES[word])]], return_tensors="pt"
        )
        inputs["input_boxes"] = inputs["input_boxes"].float()
        with torch.no_grad():
            outputs = segmenter.model(**inputs)
        (candidates,) = processor.post_process_masks(
            outputs.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )
        expected = candidates[0, outputs.iou_scores[0, 0].argmax()]
        assert 0 < expected.sum() < expected.numel(), "the reference says something"
        assert (mask != expected).float().mean() < 0.01
    segmenter.batch = 1
    assert (masks != segmenter.segment(images, words)).float().mean() < 0.01


def test_sam_is_given_everything_on_its_device(monkeypatch, segmenter):
    given = []

    def see(pixel_values):
        given.append(pixel_values.device.type)
        return pixel_values

    def forward(image_embeddings, input_boxes, multimask_output):
        given.extend((image_embeddings.device.type, input_boxes.device.type))
        boxes = torch.tensor([[BOXES["mug"]]])
        return draws_its_prompt(1)(torch.zeros(1), boxes, multimask_output)

    monkeypatch.setattr(module, "device", lambda: torch.device("meta"))
    monkeypatch.setattr(segmenter.model, "get_image_embeddings", see)
    monkeypatch.setattr(segmenter.model, "forward", forward)
    mask = segmenter.segment(pictures(64, 64, 1), ["mug"])
    assert given == ["meta"] * 3 and mask.device.type == "cpu" and mask.any()


def test_coordinates_are_not_rounded_in_half_precision(sam_folder, detector_folder):
    """bfloat16 has eight digits of two: at 1,024 pixels it would move a box by up to two. Only
    SAM's view of the picture, most of its work, is in half precision."""
    with computing(Compute(dtype="bfloat16")):
        segmenter = load_segmenter(sam_folder, detector_folder)
        seen = []
        layer = next(m for m in segmenter.model.vision_encoder.modules() if isinstance(m, Linear))
        layer.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
        segmenter._inside(pictures(64, 64, 1), [torch.tensor([10.3, 20.7, 50.9, 61.1])])
    for model in (segmenter.model, segmenter.detector.model):
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert set(seen) == {torch.bfloat16}


def test_where_nothing_is_found_nothing_is_segmented(monkeypatch, segmenter):
    monkeypatch.setattr(segmenter.model, "forward", None)
    assert not segmenter.segment(pictures(32, 32, 2), ["ghost", "ghost"]).any()


def test_the_folder_says_which_segmenter_it_is(random_zoo, sam_folder, detector_folder, tmp_path):
    assert isinstance(load_segmenter(random_zoo / "segmenter"), SemanticSegmenter)
    assert isinstance(load_segmenter(random_zoo / "segmenter", detector_folder), SemanticSegmenter)
    grounded = load_segmenter(sam_folder, detector_folder)
    assert isinstance(grounded, GroundedSegmenter)
    found = grounded.segment(pictures(64, 64, 2), ["mug", "stuffed animal"])
    assert found.shape == (2, 64, 64) and found.dtype == torch.bool
    with pytest.raises(ToffeeError, match="expected a model for role detector"):
        load_segmenter(sam_folder)
    with pytest.raises(ToffeeError, match="config.json: expected a model's config"):
        load_segmenter(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(["no", "model"]))
    with pytest.raises(ToffeeError, match="config.json: expected a model's config"):
        load_segmenter(tmp_path)
