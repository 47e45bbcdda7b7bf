import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, ViTImageProcessor, ViTModel

from toffee.evaluation.efficientnet import fold_batch_norms
from toffee.evaluation.metrics import (
    Metrics,
    histogram,
    load_efficientnet,
)
from toffee.evaluation.names import IMAGE_METRICS, MASKED_METRICS, SIMILARITIES
from toffee.models.preprocess import FILL, Preprocessing, crop_to_mask
from toffee.runtime.errors import ToffeeError

FAST = tuple(name for name in SIMILARITIES if not name.startswith("efficientnet"))


def test_equal_images_score_one_and_different_ones_less(metrics, images, masks):
    features = metrics.features(images[:5], masks[:5])
    assert set(features) == set(SIMILARITIES)
    for name in SIMILARITIES:
        itself = metrics.similarity(name, features[name], features[name])
        other = metrics.similarity(name, features[name], features[name].roll(1, 0))
        assert torch.allclose(itself, torch.ones(5), atol=1e-5), name
        assert (other < itself).all(), name


def test_masked_metrics_do_not_see_the_background(metrics, images, masks):
    changed = torch.where(masks[:, None], images, torch.rand_like(images))
    before = metrics.features(images, masks)
    after = metrics.features(changed, masks)
    for name in MASKED_METRICS:
        assert torch.equal(before[name], after[name]), name
    for name in IMAGE_METRICS:
        assert not torch.equal(before[name], after[name]), name


def test_masked_metrics_do_not_see_where_the_subject_stands(metrics):
    image, mask = torch.rand(3, 64, 64), torch.zeros(64, 64, dtype=torch.bool)
    mask[10:30, 4:40] = True
    shift = {"shifts": (17, 20), "dims": (-2, -1)}
    pair = metrics.features(
        torch.stack([image, image.roll(**shift)]),
        torch.stack([mask, mask.roll(**shift)]),
        MASKED_METRICS,
    )
    for name in MASKED_METRICS:
        assert torch.allclose(*pair[name], atol=1e-6), name


def test_empty_mask_scores_zero_against_everything(metrics, images, masks):
    features = metrics.features(images, masks, FAST)
    for name in [name for name in FAST if name in MASKED_METRICS]:
        missed, rest = features[name][5], features[name]
        assert torch.equal(metrics.similarity(name, missed, rest), torch.zeros(6)), name


def test_all_masks_empty_keeps_shapes(metrics, images):
    nothing = torch.zeros(6, 64, 64, dtype=torch.bool)
    some = metrics.features(images, ~nothing)
    none = metrics.features(images, nothing)
    for name in MASKED_METRICS:
        assert none[name].shape == some[name].shape and not none[name].any(), name


def test_features_do_not_depend_on_the_batch(metrics, encoders, images, masks):
    together = metrics.features(images, masks, FAST)
    reverse = metrics.features(images.flip(0), masks.flip(0), FAST)
    alone = Metrics(**encoders, batch=1, device="cpu").features(list(images), list(masks), FAST)
    for name in FAST:
        assert torch.allclose(together[name], reverse[name].flip(0), atol=1e-5), name
        assert torch.allclose(together[name], alone[name], atol=1e-5), name


def test_images_of_different_sizes(metrics):
    images = [torch.rand(3, 64, 64), torch.rand(3, 90, 70)]
    both = metrics.features(images, names=FAST)
    second = metrics.features(images[1:], names=FAST)
    for name in both:
        assert torch.allclose(both[name][1:], second[name], atol=1e-5), name


def test_similarity_broadcasts_to_a_matrix(metrics, images):
    feature = metrics.features(images, names=("histogram",))["histogram"]
    matrix = metrics.similarity("histogram", feature[:, None], feature[None])
    assert matrix.shape == (6, 6) and torch.equal(matrix, matrix.T)
    assert torch.allclose(matrix[0, 1], metrics.similarity("histogram", feature[0], feature[1]))
    with pytest.raises(ToffeeError, match="lpips"):
        metrics.similarity("lpips", feature, feature)


def test_histogram_against_numpy():
    image = torch.rand(3, 20, 30)
    mask = torch.rand(20, 30) > 0.4
    pixels = image.permute(1, 2, 0)[mask].numpy()
    expected, _ = np.histogramdd(pixels, bins=4, range=[(0, 1)] * 3)
    assert torch.allclose(
        histogram(image, mask), torch.from_numpy(expected.flatten() / len(pixels)).float()
    )


def test_histogram_closed_forms():
    red, half = torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)
    red[0] = 1  # 1.0 belongs to the last bin
    half[0, :, :4] = 1
    assert torch.minimum(histogram(red), histogram(half)).sum() == 0.5
    assert torch.minimum(histogram(red), histogram(1 - red)).sum() == 0


def test_text_alignment_is_clips_own_cosine(metrics, images):
    prompts = ["a red ball", "a blue house on the grass", "a mug"] * 2
    tokens = metrics.clip.tokenizer(prompts, padding=True, return_tensors="pt")
    pixels = metrics._encoders["clip_i"][0](images).whole(images)
    with torch.no_grad():
        output = metrics.clip.model(
            input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, pixel_values=pixels
        )
    expected = output.logits_per_image.diag() / metrics.clip.model.logit_scale.exp()
    assert torch.allclose(metrics.text_alignment(images, prompts), expected, atol=1e-5)


def test_dino_is_the_final_cls_after_layernorm(metrics, images):
    with torch.no_grad():
        pixels = metrics._encoders["dino"][0](images).whole(images)
        output = metrics.dino(pixels, output_hidden_states=True)
        cls = metrics.dino.layernorm(output.hidden_states[-1])[:, 0]
    expected = torch.nn.functional.normalize(cls, dim=-1)
    assert torch.allclose(metrics.features(images, names=("dino",))["dino"], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(301, 220), (64, 64), (180, 333)])
def test_clip_preprocessing_follows_the_hubs_processor(tmp_path, size):
    processor = CLIPImageProcessor(
        size={"shortest_edge": 96}, crop_size={"height": 96, "width": 96}
    )
    processor.save_pretrained(tmp_path)
    check_against(processor, Preprocessing.read(tmp_path), size)


def test_vit_preprocessing_follows_the_hubs_processor(tmp_path):
    processor = ViTImageProcessor(size={"height": 96, "width": 96}, resample=3)
    processor.save_pretrained(tmp_path)
    check_against(processor, Preprocessing.read(tmp_path), (150, 200))


def check_against(processor, preprocessing: Preprocessing, size: tuple[int, int]) -> None:
    height, width = size
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([127 + 120 * np.sin(x / 9), 127 + 120 * np.cos(y / 7), (x + y) % 256], -1)
    picture = smooth.astype(np.uint8)
    expected = processor(Image.fromarray(picture), return_tensors="pt").pixel_values
    got = preprocessing.whole(torch.from_numpy(picture).permute(2, 0, 1)[None] / 255)
    grey_levels = (got - expected).abs() * min(preprocessing.std) * 255
    assert got.shape == expected.shape
    assert grey_levels.max() < 2.5 and grey_levels.mean() < 0.5, "Pillow rounds twice, no more"


def test_dreambench_dino_reads_256_bicubic_crop_224(tmp_path):
    old = {"size": 224, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(old))
    plain = Preprocessing.read(tmp_path)
    assert (plain.resize, plain.crop, plain.mode) == ((224, 224), (224, 224), "bilinear")
    dino = plain.dreambench()
    assert (dino.resize, dino.crop, dino.mode) == (256, (224, 224), "bicubic")
    assert dino.whole(torch.rand(1, 3, 300, 400)).shape == (1, 3, 224, 224)


def test_crop_to_mask_is_a_square_with_a_margin():
    image, mask = torch.zeros(3, 64, 64), torch.zeros(64, 64, dtype=torch.bool)
    mask[0:10, 20:60] = True
    square = crop_to_mask(image, mask)
    assert square.shape == (3, 44, 44)
    assert (square == 0).sum() == 3 * 10 * 40 and (square == FILL).sum() == 3 * (44 * 44 - 400)


@pytest.mark.parametrize(
    ("masks", "match"),
    [
        (torch.ones(5, 64, 64, dtype=torch.bool), "expected 6"),
        (torch.ones(6, 32, 64, dtype=torch.bool), "mask 0"),
        (torch.ones(6, 64, 64), "mask 0: expected bool"),
    ],
)
def test_wrong_masks_are_named(metrics, images, masks, match):
    with pytest.raises(ToffeeError, match=match):
        metrics.features(images, masks)


def test_encoders_stored_in_half_precision_run_in_single(tmp_path, encoders, images):
    """On a CPU half precision is many times slower, and its rounding would be in the scores."""
    halves = {}
    for name, kind in (("metric_dino", ViTModel), ("metric_clip", CLIPModel)):
        halves[name] = tmp_path / name
        shutil.copytree(encoders[name], halves[name])
        kind.from_pretrained(encoders[name]).half().save_pretrained(halves[name])
    loaded = Metrics(**halves, device="cpu")
    for model in (loaded.dino, loaded.clip.model):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert loaded.features(images, names=["dino"])["dino"].dtype == torch.float32


def test_missing_model_is_named(tmp_path, encoders):
    with pytest.raises(ToffeeError, match="nowhere"):
        Metrics(tmp_path / "nowhere", encoders["metric_clip"])
    with pytest.raises(ToffeeError, match="preprocessor_config.json"):
        Preprocessing.read(tmp_path)


def test_folding_batch_norms_changes_nothing():
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    model = EfficientNet.from_name("efficientnet-lite0").eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        before = model.extract_features(images)
        fold_batch_norms(model)
        after = model.extract_features(images)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert torch.allclose(before, after, atol=1e-4 * float(before.abs().max()))


@pytest.mark.slow
def test_efficientnet_tells_real_subjects_apart():
    """The metric works on photographs, of which it was never trained to tell instances."""
    from toffee.evaluation.efficientnet import efficientnet_preprocessing

    folders = sorted(path for path in dreambench().iterdir() if path.is_dir())
    photos, subjects = [], []
    for folder in folders:
        for path in sorted(folder.glob("*.jpg")):
            with Image.open(path) as picture:
                picture.draft("RGB", (448, 448))  # decode at reduced size: a third of the time
                array = np.asarray(picture.convert("RGB").resize((224, 224), Image.BICUBIC))
            photos.append(torch.from_numpy(array.copy()).permute(2, 0, 1) / 255)
            subjects.append(folder.name)
    model, preprocessing = load_efficientnet(), efficientnet_preprocessing(photos)
    with torch.no_grad():
        encoded = [
            model.extract_features(preprocessing.whole(photos[i : i + 16])).mean((-2, -1))
            for i in range(0, len(photos), 16)
        ]
    features = torch.nn.functional.normalize(torch.cat(encoded), dim=-1)
    cosine = features @ features.T
    same = torch.tensor([[a == b for b in subjects] for a in subjects])
    self_pairs = torch.eye(len(photos), dtype=torch.bool)
    nearest = cosine.masked_fill(self_pairs, -1).argmax(1)
    assert same[torch.arange(len(photos)), nearest].float().mean() > 0.88
    assert cosine[same & ~self_pairs].mean() == pytest.approx(0.63, abs=0.03)
    assert cosine[~same].mean() == pytest.approx(0.29, abs=0.03)


def dreambench() -> Path:
    beside = Path(__file__).resolve().parents[3].parent / "shared" / "dreambench"
    root = Path(os.environ.get("TOFFEE_DREAMBENCH", beside))
    for folder in (root / "dataset", root):
        if (folder / "prompts_and_classes.txt").is_file():
            return folder
    pytest.skip(f"no DreamBench photos at {root} (set TOFFEE_DREAMBENCH)")


def test_scorers_of_the_field_from_file_to_feature(tmp_path, encoders):
    """ViT-S/16 and ViT-B/32 folders with the hub's old configs, at their own input size.

    Reference: transformers' processors on Pillow, DINO's with DreamBench's resize, and the models.
    """
    from transformers import CLIPImageProcessorPil, ViTConfig

    torch.manual_seed(0)
    small = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    dino, clip = tmp_path / "dino", tmp_path / "clip"
    vit = ViTModel(ViTConfig(hidden_size=32, image_size=224, patch_size=16, **small)).eval()
    vit.save_pretrained(dino)
    shutil.copytree(encoders["metric_clip"], clip)
    config = CLIPModel.from_pretrained(clip).config
    config.vision_config.image_size, config.vision_config.patch_size = 224, 32
    model = CLIPModel(config).eval()
    model.save_pretrained(clip)
    moments = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
    old = {"do_normalize": True, "do_resize": True, "size": 224, **moments}
    (dino / "preprocessor_config.json").write_text(json.dumps(old | {"resample": 2}))
    cropped = old | {"resample": 3, "crop_size": 224, "do_center_crop": True}
    (clip / "preprocessor_config.json").write_text(json.dumps(cropped))
    draw = np.random.default_rng(0)
    arrays = [draw.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((300, 384), (512, 512))]
    photos = [Image.fromarray(array).resize((400, 352)) for array in arrays]
    images = [torch.from_numpy(np.array(photo)).permute(2, 0, 1) / 255 for photo in photos]
    got = Metrics(dino, clip, device="cpu").features(images, names=("dino", "clip_i"))
    field = {"crop_size": {"height": 224, "width": 224}, "resample": 3, **moments}
    for name, edge, encode in (
        ("dino", 256, lambda x: vit(x).last_hidden_state[:, 0]),
        ("clip_i", 224, lambda x: model.visual_projection(model.vision_model(x).pooler_output)),
    ):
        processor = CLIPImageProcessorPil(size={"shortest_edge": edge}, **field)
        with torch.no_grad():
            features = encode(processor(photos, return_tensors="pt").pixel_values)
        expected = torch.nn.functional.normalize(features, dim=-1)
        assert ((got[name] * expected).sum(-1) > 0.999).all(), name
        centred = expected - expected.mean(0)
        difference = (got[name] - expected).norm(dim=-1)
        assert (difference < 0.2 * centred.norm(dim=-1)).all(), "closer than two photos are"
