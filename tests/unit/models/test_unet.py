"""How generators grow out of the base UNet."""

import pytest
import torch
import torch.nn.functional as F
from closeness import close, differ
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

from toffee.models.unet import (
    add_subject_attention,
    load_unet,
    set_subject_scale,
    start_subject_attention,
    token_grid,
    unshuffle,
    widen_unet,
)

TOKENS, WIDTH = 64, 24


@pytest.fixture(scope="module", params=["zoo", "sd15", "sd21"])
def base(request, random_zoo, stable_diffusions):
    """The zoo's UNet, and those of Stable Diffusion: heads in a list, linear projections."""
    folder = stable_diffusions.get(request.param, random_zoo / "text_to_image")
    return load_unet(folder / "unet")


@pytest.fixture(scope="module")
def given(base):
    """Latents, times, text and subject tokens."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, base.config.in_channels, 8, 8, generator=generator)
    text = torch.randn(2, 20, base.config.cross_attention_dim, generator=generator)
    return (
        latents,
        torch.tensor([10, 800]),
        text,
        torch.randn(2, TOKENS, WIDTH, generator=generator),
    )


@torch.no_grad()
def test_a_widened_unet_starts_as_the_base(base, given):
    latents, times, text, _ = given
    wide = widen_unet(base, 5).eval()
    extra = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(1))
    drawn = wide(torch.cat([latents, extra], 1), times, text).sample
    assert close(drawn, base(latents, times, text).sample)
    assert all(p.requires_grad for p in wide.parameters())
    assert not any(p.requires_grad for p in base.parameters())


@torch.no_grad()
def test_a_unet_for_other_tokens_reads_them_in_place_of_text(base, given):
    latents, times, _, tokens = given
    other = widen_unet(base, 0, WIDTH).eval()
    a, b = (other(latents, times, value).sample for value in (tokens, tokens.flip(0)))
    assert differ(a, b)
    # Everything but the new projection is the base's.
    read = other.encoder_hid_proj(tokens)
    assert close(a, base(latents, times, read).sample)


def test_unshuffle_loses_nothing():
    maps = torch.rand(2, 16, 24, generator=torch.Generator().manual_seed(0))
    channels = unshuffle(maps, 8)
    assert channels.shape == (2, 64, 2, 3)
    assert torch.equal(F.pixel_shuffle(channels, 8)[:, 0], maps)
    assert unshuffle(maps > 0.5, 8).dtype == torch.float32


def test_the_token_grid_is_laid_out_row_by_row():
    tokens = torch.arange(16 * 3, dtype=torch.float32).reshape(1, 16, 3)
    grid = token_grid(tokens, 4)
    for row in range(4):
        for column in range(4):
            assert torch.equal(grid[0, :, row, column], tokens[0, 4 * row + column])
    larger = token_grid(tokens, 8)
    assert larger.shape == (1, 3, 8, 8)
    assert torch.allclose(F.avg_pool2d(larger, 2)[..., 1:3, 1:3], grid[..., 1:3, 1:3], atol=1e-4)


@torch.no_grad()
def test_decoupled_attention_of_weight_zero_is_text_alone(base, given):
    latents, times, text, tokens = given
    unet = widen_unet(base, 0).eval()
    add_subject_attention(unet, WIDTH, TOKENS)

    def draw(scale: float, subject: torch.Tensor) -> torch.Tensor:
        set_subject_scale(unet, scale)
        return unet(latents, times, (text, [unet.subject_projection(subject)])).sample

    expected = base(latents, times, text).sample
    # The base's weights lie in a mapped file, the copy's do not: a kernel may differ by address.
    assert close(draw(0.0, tokens), expected)
    assert differ(draw(1.0, tokens), expected)
    assert differ(draw(1.0, tokens), draw(1.0, -tokens))


def test_the_subject_scale_reaches_every_cross_attention(base):
    unet = widen_unet(base, 0)
    add_subject_attention(unet, WIDTH, TOKENS)
    set_subject_scale(unet, 0.3)
    found = decoupled(unet)
    assert set(found) == {n for n in unet.attn_processors if n.endswith("attn2.processor")}
    assert found and all(processor.scale == [0.3] for processor in found.values())


def test_subject_attention_starts_as_the_generators(base, given):
    source = widen_unet(base, 3, WIDTH)
    torch.nn.init.normal_(source.mid_block.attentions[0].transformer_blocks[0].attn2.to_k.weight)
    unet = widen_unet(base, 0)
    add_subject_attention(unet, WIDTH, TOKENS)
    start_subject_attention(unet, source)
    tokens = given[3]
    assert close(unet.subject_projection(tokens), source.encoder_hid_proj(tokens))
    for name, processor in decoupled(unet).items():
        attention = source.get_submodule(name.removesuffix(".processor"))
        assert torch.equal(processor.to_k_ip[0].weight, attention.to_k.weight)
        assert torch.equal(processor.to_v_ip[0].weight, attention.to_v.weight)


def decoupled(unet) -> dict[str, IPAdapterAttnProcessor2_0]:
    processors = unet.attn_processors.items()
    return {name: p for name, p in processors if isinstance(p, IPAdapterAttnProcessor2_0)}


def test_the_papers_backbone_has_its_published_size():
    """Stable Diffusion 2.1 on the meta device: 865.9 million parameters, its autoencoder 83.7."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            attention_head_dim=[5, 10, 20, 20], cross_attention_dim=1024, use_linear_projection=True
        )
        autoencoder = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=[128, 256, 512, 512],
            layers_per_block=2,
        )
        wide = widen_unet(unet, 64 + 1024, 1024)  # depth of 8 x 8 pixels, DINOv2-large's tokens
    millions = [sum(p.numel() for p in m.parameters()) / 1e6 for m in (unet, autoencoder, wide)]
    assert millions[:2] == pytest.approx([865.9, 83.7], abs=0.1)
    entry, projection = 9 * (64 + 1024) * 320, 1024 * 1025
    assert millions[2] - millions[0] == pytest.approx((entry + projection) / 1e6)
