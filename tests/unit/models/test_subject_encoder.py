"""Patch tokens, and which of them show the subject."""

import pytest
import torch
import torch.nn.functional as F

from toffee.models.subject_encoder import GREY, SubjectEncoder, segmented
from toffee.models.unet import token_grid, unshuffle


@pytest.fixture(scope="module")
def encoder(random_zoo):
    return SubjectEncoder(random_zoo / "subject_encoder")


@pytest.fixture(scope="module")
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_tokens_are_one_a_patch_and_do_not_depend_on_the_batch(encoder, images):
    whole, tokens = encoder.encode(images)
    assert whole.shape == (3, encoder.width) and tokens.shape == (3, encoder.grid**2, encoder.width)
    alone = torch.cat([encoder.tokens(image[None]) for image in images])
    assert torch.allclose(tokens, alone, atol=1e-5)


def test_a_patch_is_foreground_where_a_quarter_of_it_is_covered(encoder):
    masks = torch.zeros(2, 64, 64, dtype=torch.bool)
    masks[0, :8, :8] = True  # the first patch
    masks[0, 8:10, 8:16] = True  # a quarter of the second one of the second row
    masks[0, 16:18, 16:23] = True  # less of another
    found = encoder.foreground(masks)
    assert found[0].nonzero().flatten().tolist() == [0, 9]
    assert not found[1].any()


def test_a_thin_subject_keeps_the_patch_that_it_fills_most(encoder):
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, 20:30, 3] = True  # a line: 4 pixels in one patch, 6 in the next
    assert encoder.foreground(masks)[0].nonzero().flatten().tolist() == [24]


def test_a_segmented_picture_is_grey_outside_of_the_mask(images):
    masks = images[:, 0] > 0.5
    shown = segmented(images, masks)
    inside = masks[:, None].expand_as(images)
    assert torch.equal(shown[inside], images[inside]) and (shown[~inside] == GREY).all()


ROW, COLUMN = 5, 11
PIXELS = 32  # of a picture of 512 under a token of 16 a side


def block(row: int, column: int) -> torch.Tensor:
    """Mask [1,512,512] of what one token stands for."""
    mask = torch.zeros(1, 512, 512, dtype=torch.bool)
    mask[:, row * PIXELS : (row + 1) * PIXELS, column * PIXELS : (column + 1) * PIXELS] = True
    return mask


def test_dinov2s_tokens_masks_depth_and_latents_share_their_places(dinov2_folder):
    """Of a picture of 512 pixels, in the corner too, which a centre crop would cut off."""
    encoder = SubjectEncoder(dinov2_folder)
    assert encoder.grid == 16 and encoder.width == 32
    plain = torch.full((1, 3, 512, 512), 0.4)
    whole, before = encoder.encode(plain)
    assert whole.shape == (1, 32) and before.shape == (1, 256, 32)
    for row, column in ((ROW, COLUMN), (0, 0), (15, 0), (15, 15)):
        mask = block(row, column)
        inner = -F.max_pool2d(-mask.float(), 9, stride=1, padding=4)  # a filter's width inside
        changed = (encoder.tokens(torch.where(inner.bool()[:, None], 0.9, plain)) - before).abs()
        assert changed.sum(2)[0].gt(1e-4).nonzero().flatten().tolist() == [16 * row + column]
        assert torch.equal(
            encoder.foreground(mask)[0].nonzero().flatten(), changed.sum(2).argmax(1)
        )
        # At the latents of a factor of 8, 64 a side, where tokens and depth are input channels.
        latent = F.avg_pool2d(mask[:, None].float(), 8)[0, 0].bool()
        assert latent.sum() == 16
        grid = token_grid(changed, 64)[0].sum(0)
        assert grid.flatten().topk(4).indices.sort().values.tolist() == [
            64 * (4 * row + y) + 4 * column + x for y, x in middle(row, column)
        ]
        assert torch.equal(unshuffle(mask, 8)[0].bool().all(0), latent)


def middle(row: int, column: int) -> list[tuple[int, int]]:
    """The four of a token's 4 x 4 latents on which bilinear enlargement leaves most of it."""
    ys, xs = ({0: (0, 1), 15: (2, 3)}.get(place, (1, 2)) for place in (row, column))
    return [(y, x) for y in ys for x in xs]


@torch.no_grad()
def test_dinov2s_positions_are_interpolated_over_the_whole_grid(dinov2_folder):
    """Learned on 37 x 37 places: what was a ramp there is a ramp on 16 x 16, along its own axis."""
    encoder = SubjectEncoder(dinov2_folder)
    embeddings = encoder.model.embeddings
    y, x = torch.meshgrid(torch.arange(37.0), torch.arange(37.0), indexing="ij")
    for ramp, along in ((x, 1), (y, 0)):
        embeddings.position_embeddings[0, 1:] = ramp.reshape(-1, 1)
        placed = embeddings.interpolate_pos_encoding(torch.zeros(1, 257, 32), 224, 224)[0, 1:, 0]
        placed = placed.reshape(16, 16)
        steps = placed.diff(dim=along)
        assert torch.allclose(steps.mean(), torch.tensor(37 / 16), atol=0.02) and (steps > 0).all()
        assert placed.diff(dim=1 - along).abs().max() < 1e-3


def test_dinov2s_class_token_is_the_first_and_registers_are_no_patches(dinov2_folder):
    encoder = SubjectEncoder(dinov2_folder)
    images = torch.rand(2, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    whole, tokens = encoder.encode(images)
    seen = encoder.preprocessing.whole(images)
    with torch.no_grad():
        hidden = encoder.model(seen).last_hidden_state
        patches = encoder.model.embeddings.patch_embeddings(seen)
    assert hidden.shape[1] == 1 + encoder.registers + 256
    assert encoder.registers == (4 if "Registers" in type(encoder.model).__name__ else 0)
    assert torch.equal(whole, hidden[:, 0]) and torch.equal(tokens, hidden[:, -256:])
    assert patches.shape == tokens.shape
    assert torch.equal(whole[0], whole[1]), "without layers the class token saw no picture"
    assert not torch.isclose(tokens[0], tokens[1]).all(-1).any(), "and every patch saw its own"
