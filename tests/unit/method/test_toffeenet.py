"""ToffeeNet: what it saves is what it draws, and what it must leave alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from closeness import close, differ
from safetensors.torch import load_file

from toffee.config.settings import Conditioning, Sampling, Subset, Training
from toffee.method import toffeenet
from toffee.method.canvas import on_canvas
from toffee.method.guidance import forwards
from toffee.method.pair_latents import encode_pairs, hidden, packed, unpacked
from toffee.method.pairs import KINDS, choose_pairs, read_pairs
from toffee.method.toffeenet import ToffeeNet, train_toffeenet
from toffee.models.depth import DepthEstimator
from toffee.models.diffusion import Autoencoder
from toffee.models.subject_encoder import SubjectEncoder, cut_out, segmented
from toffee.models.unet import load_unet, widen_unet
from toffee.runtime.errors import ToffeeError
from toffee.runtime.seeds import seed_of
from toffee.storage.reader import Shard
from toffee.storage.writer import ShardWriter
from toffee.synthesis.scores import LAYOUT

COLUMNS = ("sample_id", "subject", "class_word", "kind", "prompt")
SETTINGS = {
    "resolution": 64,
    "training": Training(2, 2, 1e-3, 0.5),
    "seed": 0,
}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    """Folder with a shard of six pairs, two of them editing ones, and its index."""
    root, draw = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    pictures = lambda: list(draw.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8))  # noqa: E731
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    not_found = np.zeros_like(mask)
    editing = [False, True, False, False, True, False]
    columns = {name: [f"{name} {row}" for row in range(6)] for name in COLUMNS}
    columns["kind"] = ["colour" if edit else "generation" for edit in editing]
    images = {
        "target": pictures(),
        "input": [p if edit else None for p, edit in zip(pictures(), editing, strict=True)],
        "mask": [mask] * 6,
        "subject": pictures(),
        "subject_mask": [not_found, *[mask] * 5],
        "photo": pictures(),
        "photo_mask": [mask] * 6,
    }
    with ShardWriter(root / "00000.h5", 6, "test", LAYOUT, dict.fromkeys(COLUMNS, "str")) as writer:
        writer.append(columns, images)
    index = pd.DataFrame({"shard": "00000", "row": range(6), "kind": columns["kind"]})
    index = index.assign(accepted=[True] * 5 + [False], sample_id=[f"{n:016x}" for n in range(6)])
    index.to_parquet(root / "index.parquet")
    return root


@pytest.fixture(scope="module")
def view_generator(random_zoo, tmp_path_factory) -> Path:
    """An untrained View Generator, which the subject's attention starts from."""
    folder = tmp_path_factory.mktemp("generator") / "view_generator"
    width = SubjectEncoder(random_zoo / "subject_encoder").width
    base = load_unet(random_zoo / "text_to_image" / "unet")
    torch.manual_seed(0)
    widen_unet(base, 64, width).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def parts(random_zoo):
    base = random_zoo / "text_to_image"
    encoder = SubjectEncoder(random_zoo / "subject_encoder")
    return encoder, Autoencoder(base / "vae"), None


def latents(pairs: Path, zoo: Path) -> Path:
    """The folder of the pairs' latents."""
    out = pairs / "encoded"
    if not out.exists():
        given = {"index": pairs / "index.parquet", "shards": [str(pairs / "00000.h5")]}
        encode_pairs(**given, text_to_image=zoo / "text_to_image", out=out)
    return out


def train(
    pairs: Path, zoo: Path, view_generator: Path, out: Path, kinds: str = "both", **changes
) -> Path:
    of_conditions = ("depth", "reference", "own_photo", "changes", "equal_samples")
    conditions = {name: changes.pop(name) for name in of_conditions if name in changes}
    train_toffeenet(
        index=pairs / "index.parquet",
        shards=[str(pairs / "00000.h5")],
        encoded=latents(pairs, zoo),
        text_to_image=zoo / "text_to_image",
        subject_encoder=zoo / "subject_encoder",
        depth_estimator=zoo / "depth",
        view_generator=view_generator,
        out=out,
        conditioning=shown(kinds, **conditions),
        **(SETTINGS | changes),
    )
    return out


@pytest.fixture(scope="module")
def trained(pairs, random_zoo, view_generator, tmp_path_factory):
    """The folder of a trained model and the UNet as it was in memory."""
    kept, fit, out = [], toffeenet.fit, tmp_path_factory.mktemp("net") / "toffeenet"

    def keeping(modules, *rest):
        kept.extend(modules)
        return fit(modules, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toffeenet, "fit", keeping)
        train(pairs, random_zoo, view_generator, out, depth=True)
    return out, kept[0]


@pytest.fixture(scope="module")
def model(trained, random_zoo) -> ToffeeNet:
    return ToffeeNet(trained[0], random_zoo / "text_to_image", random_zoo / "subject_encoder")


@pytest.fixture(scope="module")
def given(model):
    """Prompts, tokens, noise; pictures and masks to edit."""
    draw = torch.Generator().manual_seed(0)
    pictures = torch.rand(2, 3, 64, 64, generator=draw)
    masks = torch.zeros(2, 64, 64, dtype=torch.bool)
    masks[0, 10:50, 20:40] = True
    masks[1, ::2] = True
    noise = torch.randn(2, model.autoencoder.channels, 8, 8, generator=draw)
    tokens = model.encoder.tokens(pictures)
    return (["a red mug", "a car on the grass"], tokens, noise, Sampling(2, 3.0)), pictures, masks


def test_a_saved_model_draws_the_same_after_it_is_loaded(model, trained, given):
    stored, kept = model.unet.state_dict(), trained[1].state_dict()
    assert all(torch.equal(stored[name], kept[name]) for name in kept)
    loaded = model.draw(*given[0])
    other, model.unet = model.unet, trained[1].eval()
    in_memory = model.draw(*given[0])
    model.unet = other
    assert close(loaded, in_memory)  # equal weights, at other addresses
    assert loaded.std() > 0.01


def test_outside_of_the_mask_the_picture_stays_to_the_bit(model, given):
    arguments, pictures, masks = given
    drawn = model.draw(*arguments, picture=pictures, mask=masks)
    inside = masks[:, None].expand_as(pictures)
    assert torch.equal(drawn[~inside], pictures[~inside])
    assert differ(drawn[inside], pictures[inside])


def test_without_pasting_one_sees_what_the_model_drew_itself(model, given):
    arguments, pictures, masks = given
    options = {"picture": pictures, "mask": masks}
    pasted, raw = (model.draw(*arguments, **options, paste=paste) for paste in (True, False))
    inside = masks[:, None].expand_as(pictures)
    assert torch.equal(raw[inside], pasted[inside])
    assert differ(raw[~inside], pictures[~inside])


def test_a_picture_does_not_depend_on_what_is_drawn_beside_it(model, given):
    (prompts, tokens, noise, sampling), *_ = given
    whole = model.draw(prompts, tokens, noise, sampling)
    alone = model.draw(prompts[1:], tokens[1:], noise[1:], sampling)
    assert close(alone, whole[1:], 1e-4)  # after two steps with guidance


def test_every_condition_counts(model, given):
    (prompts, tokens, noise, *rest), pictures, _ = given
    plain = model.draw(prompts, tokens, noise, *rest)
    assert differ(model.draw(prompts[::-1], tokens, noise, *rest), plain)
    assert differ(model.draw(prompts, tokens.flip(0), noise, *rest), plain)
    # Without weight, the subject does not.
    none = [model.draw(prompts, t, noise, *rest, 0.0) for t in (tokens, tokens.flip(0))]
    assert torch.equal(*none)


def test_a_step_outside_of_the_interval_is_not_guided(model, given):
    (prompts, tokens, noise, _), *_ = given

    def draw(guidance, interval, apart=None):
        low, high = interval
        sampling = Sampling(2, guidance, guidance_low=low, guidance_high=high)
        return model.draw(prompts, tokens, noise, sampling, subject_guidance=apart)

    plain = draw(1.0, (0.0, 1.0))
    assert close(draw(3.0, (0.0, 0.0), 5.0), plain)
    assert differ(draw(3.0, (0.0, 1.0), 5.0), plain)
    assert differ(draw(3.0, (0.0, 0.6), 5.0), draw(3.0, (0.0, 1.0), 5.0))


def test_a_subject_is_cut_out_unless_it_was_not_found(model, given):
    _, pictures, masks = given
    masks = torch.stack([masks[0], torch.zeros_like(masks[0])])
    tokens = model.tokens(pictures, masks)
    cut = model.encoder.tokens(segmented(pictures, masks))
    whole = model.encoder.tokens(pictures)
    assert torch.equal(tokens[0], cut[0]) and differ(tokens[0], whole[0])
    assert torch.equal(tokens[1], whole[1])


@pytest.fixture(scope="module")
def coded(pairs, random_zoo) -> Path:
    return latents(pairs, random_zoo)


def encoded(pairs, parts, folder, kinds, **options):
    """The pairs of some kinds, whose latents fixture `coded` makes."""
    shards, index = [str(pairs / "00000.h5")], pairs / "index.parquet"
    given = folder, index, shards, pairs / "encoded", Subset(), shown(kinds)
    return read_pairs(*given, *parts, **options)


def shown(kinds: str, **changes) -> Conditioning:
    return Conditioning(
        kinds, 0.3, 0.2, 0.2, 0.2, **({"segmented": True, "depth": False} | changes)
    )


def test_pairs_are_the_accepted_ones_of_the_kinds_asked_for(pairs, parts, coded, tmp_path):
    counts = {kinds: len(encoded(pairs, parts, tmp_path / kinds, kinds)) for kinds in KINDS}
    assert counts == {"both": 5, "generation": 3, "editing": 2}


def test_pairs_ask_to_draw_all_of_a_generation_and_the_mask_of_an_edit(
    pairs, parts, coded, tmp_path
):
    found = encoded(pairs, parts, tmp_path, "both", batch=2)
    read = found.read(torch.arange(len(found)))
    area = read["mask"].float().mean((1, 2))
    assert area.tolist() == [1, 0.25, 1, 1, 0.25]
    masked = parts[1].encode(torch.full((1, 3, 64, 64), 0.5)).half()[0]
    # Rows are kept in half precision, whose steps are a share of 1e-3.
    same = [close(row.float(), masked.float(), 2e-3) for row in read["masked"]]
    assert same == [True, False, True, True, False]
    assert read["generation"].tolist() == [True, False, True, True, False]
    assert (found.prompts[1], found.words[1]) == ("prompt 1", "class_word 1")


def test_what_is_encoded_apart_is_as_in_a_batch_of_all(pairs, parts, coded, tmp_path):
    """To the bit on a CPU: a training is the same as when each pair had what only edits need."""
    found = encoded(pairs, parts, tmp_path, "both")
    with Shard(pairs / "00000.h5") as shard:
        rows = np.arange(len(found))
        masked = torch.full_like(shard.images("target", rows), 0.5)
        edits = np.array([1, 4])
        masked[edits] = hidden(shard.images("input", edits), shard.masks("mask", edits))
    expected = parts[1].encode(masked).half()
    assert torch.equal(found.read(torch.arange(len(found)))["masked"], expected)


@pytest.mark.parametrize(("kinds", "rows"), [("editing", [1, 4]), ("generation", [0, 2, 3])])
def test_pairs_of_some_kinds_are_those_among_all(pairs, parts, coded, tmp_path, kinds, rows):
    every, some = (encoded(pairs, parts, tmp_path / one, one) for one in ("both", kinds))
    expected, found = every.read(torch.tensor(rows)), some.read(torch.arange(len(rows)))
    assert set(found) == set(expected)
    for name, value in found.items():
        # Tokens are encoded in a batch of their own, which rounds otherwise.
        assert close(value.float(), expected[name].float(), 2e-3), name
    assert differ(found["target"], every.read(torch.arange(len(rows)))["target"])
    assert some.prompts == [every.prompts[row] for row in rows]


@pytest.mark.parametrize("changes", [{}, {"segmented": False, "reference": "canvas"}])
def test_what_is_not_kept_is_computed_alike(pairs, parts, coded, tmp_path, changes):
    index, shards = pairs / "index.parquet", [str(pairs / "00000.h5")]
    asked = index, shards, coded, Subset(), shown("both", own_photo=0.5, **changes)
    kept, anew = (
        read_pairs(tmp_path / store, *asked, *parts, store=store) for store in ("all", "latents")
    )
    rows, photos = torch.tensor([4, 0, 3]), torch.tensor([True, True, False])
    expected, found = kept.read(rows, photos), anew.read(rows, photos)
    assert set(found) == set(expected) and ("reference" in found) == bool(changes)
    for name, value in found.items():
        assert value.dtype == expected[name].dtype
        assert close(value.float(), expected[name].float(), 2e-3), name
    assert not (tmp_path / "latents").exists()
    files = list(coded.glob("*.safetensors"))
    assert [set(load_file(path)) for path in files] == [{"target", "own", "masked", "mask"}]


def test_generation_shows_the_subjects_own_photo_where_asked_and_edits_never(
    pairs, parts, coded, random_zoo, tmp_path
):
    index, shards = pairs / "index.parquet", [str(pairs / "00000.h5")]
    asked = shown("both", own_photo=0.5, depth=True, reference="canvas")
    estimate = DepthEstimator(random_zoo / "depth")
    found = read_pairs(tmp_path, index, shards, coded, Subset(), asked, *parts[:2], estimate)
    rows, every = torch.arange(5), torch.ones(5, dtype=torch.bool)
    views, photos = found.read(rows), found.read(rows, every)
    with Shard(shards[0]) as shard:
        pictures, masks = shard.images("photo", rows.numpy()), shard.masks("photo_mask", [0] * 5)
        expected = parts[0].tokens(cut_out(pictures, masks))
    generation = views["generation"]
    assert close(photos["tokens"][generation].float(), expected[generation], 2e-3)
    for name, value in photos.items():
        same = close(value.float(), views[name].float(), 1e-6)
        assert same == (name not in ("tokens", "reference")), name
        assert torch.equal(value[~generation], views[name][~generation]), name
    some = found.read(rows, torch.tensor([True, False, False, False, False]))
    assert torch.equal(some["tokens"][1:], views["tokens"][1:])
    assert torch.equal(some["reference"][0], photos["reference"][0])


class Enough(Exception):
    """Ends a training before its first step."""


def test_photos_are_shown_in_their_share_and_never_where_the_view_is_drawn(
    pairs, random_zoo, view_generator, tmp_path, monkeypatch
):
    drawn = []

    def fit(nets, draw, *_):
        drawn.extend(draw() for _ in range(400))
        raise Enough

    monkeypatch.setattr(toffeenet, "fit", fit)
    with pytest.raises(Enough):
        train(pairs, random_zoo, view_generator, tmp_path / "net", own_photo=0.5)
    photo = torch.cat([one["own_photo"] for one in drawn])
    reconstruct = torch.cat([one["reconstruct"].flatten() for one in drawn])
    assert not (photo & reconstruct).any() and abs(reconstruct.float().mean() - 0.3) < 0.05
    assert abs(photo[~reconstruct].float().mean() - 0.5) < 0.07


def test_a_sample_is_trained_with_what_was_drawn_for_it_and_nothing_else(
    pairs, random_zoo, view_generator, tmp_path, monkeypatch
):
    """Text, subject and target of each sample, with and without each of them; and their shares."""
    asked, seen, counts = {}, {}, dict.fromkeys(("text", "subject", "both"), 0)

    def drawn_by(unet, noisy, entry, times, states, reference, given_at):
        seen.update(entry=entry, prompt=states[0], subject=states[1][0], reference=reference)
        return noisy

    def diffusion_loss(predict, target, *_, **__):
        seen["target"] = target
        return predict(target, torch.zeros(len(target))).mean()

    def fit(nets, draw, loss, schedule, name, checkpoint, read):
        text, projection, grey = asked["text"], nets[0].subject_projection, asked["grey"][0]
        for _ in range(60):
            drawn = draw()
            given = read(**drawn)
            loss(**drawn, **given)
            own = drawn["reconstruct"].flatten() & given["generation"]
            no_text, no_subject = (drawn[name].flatten() for name in ("no_text", "no_subject"))
            counts["text"] += no_text.sum().item()
            counts["subject"] += no_subject.sum().item()
            counts["both"] += (no_text & no_subject).sum().item()
            for place, row in enumerate(drawn["rows"].tolist()):
                own_text = f"a {asked['pairs'].words[row]}"
                prompt = own_text if own[place] else asked["pairs"].prompts[row]
                expected = text([""] if no_text[place] else [prompt])[0]
                assert torch.equal(seen["prompt"][place], expected)
                target = given["own" if own[place] else "target"][place].float()
                assert torch.equal(seen["target"][place], target)
                shown = grey if no_subject[place] else given["reference"][place].float()
                assert torch.equal(seen["reference"][place], shown)
                tokens = given["tokens"][place].float() * (not no_subject[place])
                assert close(seen["subject"][place], projection(tokens[None])[0], 1e-4)
        raise Enough

    def kept(name):
        real = getattr(toffeenet, name)

        def call(*given, **more):
            key = {"read_pairs": "pairs", "TextEncoder": "text", "grey_latents": "grey"}[name]
            asked[key] = real(*given, **more)
            return asked[key]

        monkeypatch.setattr(toffeenet, name, call)

    for name in ("read_pairs", "TextEncoder", "grey_latents"):
        kept(name)
    for one in (drawn_by, diffusion_loss, fit):
        monkeypatch.setattr(toffeenet, one.__name__, one)
    training = Training(2, 16, 1e-3, 0.5)
    more = {"training": training, "own_photo": 0.5, "reference": "canvas"}
    with pytest.raises(Enough):
        train(pairs, random_zoo, view_generator, tmp_path / "net", **more)
    # Without the text alone, the subject alone and both: 0.2 each.
    shares = {name: count / (60 * 16) for name, count in counts.items()}
    assert shares == pytest.approx({"text": 0.4, "subject": 0.4, "both": 0.2}, abs=0.05)


def test_an_edit_that_is_drawn_whole_is_as_generation(pairs, parts, coded, tmp_path):
    index, shards = pairs / "index.parquet", [str(pairs / "00000.h5")]
    asked = shown("both", own_photo=0.5, reference="canvas")
    found = read_pairs(tmp_path, index, shards, coded, Subset(), asked, *parts)
    assert found.changes.tolist() == [1, 4]
    rows, every = torch.arange(5), torch.ones(5, dtype=torch.bool)
    edits, whole = found.read(rows, every), found.read(rows, every, ~found.generation)
    assert whole["generation"].all() and whole["mask"].all()
    assert torch.equal(whole["masked"], found.grey.expand_as(whole["masked"]))
    # Its target is the edit's, and its subject is shown as generation shows it: by its photo.
    assert torch.equal(whole["target"], edits["target"])
    assert torch.equal(whole["tokens"], found.tokens[rows + 5])
    for name, value in whole.items():
        assert torch.equal(value[[0, 2, 3]], edits[name][[0, 2, 3]]), name


def test_changes_have_their_share_of_the_samples(
    pairs, random_zoo, view_generator, tmp_path, monkeypatch
):
    drawn = []

    def fit(nets, draw, *_):
        drawn.extend(draw() for _ in range(400))
        raise Enough

    monkeypatch.setattr(toffeenet, "fit", fit)
    for number, (kinds, share) in enumerate([("both", 0.25), ("generation", 0.25), ("both", 0)]):
        drawn.clear()
        with pytest.raises(Enough):
            out = tmp_path / str(number)
            train(pairs, random_zoo, view_generator, out, kinds, changes=share)
        assert all(("whole" in one) == (number == 0) for one in drawn)
        if number == 0:
            whole, rows = (torch.cat([one[name] for one in drawn]) for name in ("whole", "rows"))
            assert set(rows[whole].tolist()) == {1, 4} and len(set(rows[~whole].tolist())) == 5
            assert abs(whole.float().mean() - share) < 0.06


def test_changes_without_an_accepted_one_are_one_line(
    pairs, random_zoo, view_generator, tmp_path, monkeypatch
):
    read = toffeenet.read_pairs

    def without(*given, **more):
        return replace(read(*given, **more), changes=torch.tensor([], dtype=torch.long))

    monkeypatch.setattr(toffeenet, "read_pairs", without)
    with pytest.raises(ToffeeError, match="index.parquet: accepts no edit of colour or texture or"):
        train(pairs, random_zoo, view_generator, tmp_path / "net", changes=0.25)


@pytest.mark.parametrize(
    ("kinds", "changes", "steps"),
    [("both", 0.5, 100), ("generation", 0, 75), ("editing", 0, 25), ("generation", 0.5, 88)],
)
def test_a_model_of_one_kind_takes_as_many_samples_of_it_as_one_of_both(kinds, changes, steps):
    one = shown(kinds, changes=changes, equal_samples=True)
    assert one.steps(100, 0.75) == steps
    assert replace(one, equal_samples=False).steps(100, 0.75) == 100


def test_the_steps_of_a_model_are_those_that_it_says(pairs, random_zoo, view_generator, tmp_path):
    out = tmp_path / "net"
    training = Training(10, 2, 1e-3, 0.5)
    more = {"training": training, "equal_samples": True}
    train(pairs, random_zoo, view_generator, out, "editing", **more)
    said = json.loads((out / "toffeenet.json").read_text())
    assert said["steps"] == 4  # two of five accepted pairs
    assert len((out / "losses.csv").read_text().splitlines()) == 1 + 4


def test_masks_are_the_same_from_their_bits():
    masks = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(unpacked(packed(masks), 8), masks) and packed(masks).shape == (3, 8)


def test_nothing_accepted_is_one_line(pairs, parts, coded, tmp_path):
    index, shards = tmp_path / "index.parquet", [str(pairs / "00000.h5")]
    frame = pd.read_parquet(pairs / "index.parquet")
    frame[frame["kind"] == "generation"].to_parquet(index)
    with pytest.raises(ToffeeError, match="index.parquet: no accepted pair of the kinds backgr"):
        read_pairs(tmp_path, index, shards, coded, Subset(), shown("editing"), *parts)
    frame.assign(accepted=False).to_parquet(index)
    with pytest.raises(ToffeeError, match="index.parquet: no accepted pair$"):
        encode_pairs(index=index, shards=shards, text_to_image=coded, out=tmp_path / "out")
    with pytest.raises(ToffeeError, match="none: no encoded parts"):
        given = pairs / "index.parquet", shards, tmp_path / "none", Subset(), shown("both")
        read_pairs(tmp_path, *given, *parts)


def test_parts_of_the_pairs_are_nested_and_repeat():
    ids = [f"{seed_of(0, 'test', attempt=row):016x}" for row in range(400)]
    index = pd.DataFrame({"sample_id": ids, "shard": "00000", "row": range(400)})
    index["subject"] = [f"s{row % 20}" for row in range(400)]

    def part(pairs, subjects=1.0, of=index):
        return choose_pairs(of, Subset(pairs, subjects))

    parts = [set(part(share)["row"]) for share in (0.0625, 0.25, 1)]
    assert [len(rows) for rows in parts] == [25, 100, 400] and parts[0] < parts[1] < parts[2]
    assert set(part(0.25, of=index.sample(frac=1, random_state=0))["row"]) == parts[1]
    few = part(0.25, 0.25)
    assert len(few) == 100 and few["subject"].nunique() == 5
    assert set(part(0.1, 0.1)["subject"]) < set(few["subject"])
    assert len(part(0.5, 0.25)) == 100  # all that these subjects have


def test_a_picture_that_is_repainted_as_a_whole_is_shown():
    pictures, masks = torch.rand(2, 3, 8, 8), torch.ones(2, 8, 8, dtype=torch.bool)
    masks[1, 0] = False
    shown = hidden(pictures, masks)
    assert torch.equal(shown[0], pictures[0]) and torch.equal(shown[1, :, 0], pictures[1, :, 0])
    assert (shown[1, :, 1:] == 0.5).all()


def test_training_and_drawing_show_a_subject_alike_found_or_not(
    pairs, parts, model, coded, tmp_path
):
    found = encoded(pairs, parts, tmp_path, "both")
    with Shard(pairs / "00000.h5") as shard:
        rows = np.arange(len(found))
        tokens = model.tokens(shard.images("subject", rows), shard.masks("subject_mask", rows))
    assert close(found.tokens[torch.arange(len(found))].float(), tokens, 2e-3)


@pytest.fixture(scope="module")
def canvas(pairs, random_zoo, view_generator, tmp_path_factory) -> ToffeeNet:
    """A trained ToffeeNet that sees the subject on a canvas, and no weaker for it at random."""
    out = tmp_path_factory.mktemp("canvas") / "toffeenet"
    train(pairs, random_zoo, view_generator, out, reference="canvas")
    return ToffeeNet(out, random_zoo / "text_to_image", random_zoo / "subject_encoder")


def test_on_a_canvas_the_reference_counts_as_much_as_the_weight_says(canvas, given):
    (prompts, tokens, noise, sampling), pictures, masks = given
    seen = canvas.reference(pictures, masks)

    def draw(reference, scale=1.0):
        return canvas.draw(prompts, tokens, noise, sampling, scale, reference=reference)

    plain, *others = (draw(seen, scale) for scale in (1.0, 1.0 + 1e-6, 0.5, 3.0))
    assert plain.shape == pictures.shape
    assert close(others[0], plain, 1e-4) and all(differ(plain, one) for one in others[1:])
    assert differ(plain, draw(seen.flip(0)))
    assert torch.equal(draw(seen, 0.0), draw(seen.flip(0), 0.0))


def test_a_canvas_edits_inside_of_the_mask(canvas, given):
    arguments, pictures, masks = given
    seen = canvas.reference(pictures, masks)
    drawn = canvas.draw(*arguments, picture=pictures, mask=masks, reference=seen)
    inside = masks[:, None].expand_as(pictures)
    assert torch.equal(drawn[~inside], pictures[~inside])
    assert differ(drawn[inside], pictures[inside])


def test_the_right_half_of_a_canvas_is_given(model):
    noisy, entry = torch.randn(2, 4, 8, 8), torch.randn(2, 64 + 4 + 64, 8, 8)
    reference = torch.randn(2, 4, 8, 8)
    left, right = on_canvas(noisy, entry, reference, 64).chunk(2, dim=3)
    assert torch.equal(left, torch.cat([noisy, entry], 1))
    parts = right.split([4, 64, 4, 64], dim=1)
    assert all(torch.equal(parts[place], reference) for place in (0, 2))
    assert not parts[1].any() and not parts[3].any()


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_equal_weights_guide_by_both_at_once(scale):
    assert forwards(scale, scale) == forwards(scale)
    weights = {(one.text, one.subject): one.weight for one in forwards(scale)}
    wanted = {(True, True): scale, (False, False): 1 - scale}
    assert weights == {terms: weight for terms, weight in wanted.items() if weight}


@pytest.mark.parametrize(("text", "subject"), [(3.0, 5.0), (3.0, 0.0), (0.0, 5.0), (1.0, 2.0)])
def test_guided_apart_the_weights_are_the_formulas(text, subject):
    none, seen, both = 0.3, 1.1, 2.5
    values = {(False, False): none, (False, True): seen, (True, True): both}
    drawn = sum(one.weight * values[one.text, one.subject] for one in forwards(text, subject))
    assert drawn == pytest.approx(none + subject * (seen - none) + text * (both - seen))


def test_the_forwards_of_a_step_are_those_of_single_ones(canvas, given):
    """One step from noise is linear in the prediction, so it can be put together by hand."""
    (prompts, tokens, noise, _), pictures, masks = given
    seen = canvas.reference(pictures, masks)
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas.autoencoder, "decode", lambda latents: latents)

        def draw(texts, guidance, subject, tokens, reference):
            options = {"subject_guidance": subject, "reference": reference}
            return canvas.draw(texts, tokens, noise, Sampling(1, guidance), 1.0, **options)

        none, empty = torch.zeros_like(tokens), ["", ""]
        drawn = draw(prompts, 3.0, 5.0, tokens, seen)
        neither = draw(empty, 1.0, 1.0, none, None)
        subject = draw(empty, 1.0, 1.0, tokens, seen)
        both = draw(prompts, 1.0, 1.0, tokens, seen)
    assert close(drawn, neither + 5 * (subject - neither) + 3 * (both - subject), 1e-3)


def test_training_is_the_same_from_a_seed(pairs, random_zoo, view_generator, tmp_path):
    given = (pairs, random_zoo, view_generator)
    a, b, c, d = (
        train(*given, tmp_path / name, **seeds, training=Training(1, 2, 1e-3, 0.5))
        / toffeenet.WEIGHTS
        for name, seeds in (
            ("a", {"seed": 0}),
            ("b", {"seed": 0, "training_seed": 0}),
            ("c", {"seed": 1}),
            ("d", {"seed": 0, "training_seed": 1}),
        )
    )
    assert a.read_bytes() == b.read_bytes()
    assert len({one.read_bytes() for one in (a, c, d)}) == 3
