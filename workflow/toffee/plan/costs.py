"""What each network computes for one sample, in floating-point operations (FLOPs).

Counted on the meta device by torch's own counter (a multiplication and an addition are two), at the
run's resolution; elementwise operations, which cost memory traffic and not FLOPs, do not count. All
counts are linear in the batch, so one sample is enough.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from toffee.config import Config
from toffee.config.settings import CANVAS
from toffee.plan.architectures import Architectures, parameters, shapes_alone

EFFICIENTNET = 0.814e9
"""EfficientNet-Lite0 at 224 pixels: 407 million multiply-adds, as its authors print them."""

MOMENTS = {"adamw": 2, "muon": 1}
"""Averages of the gradients that an optimizer holds of each weight; those of biases, which are
always AdamW's, count for nothing."""

EFFICIENTNET_SIDE = 224
"""Pixels; small pictures are enlarged twice at most (see `toffee.evaluation.metrics`)."""


class Costs:
    """FLOPs of one sample by network; each is counted when it is first needed.

    `…_step` is a training's: the pass back with it. Attributes:
        rows: samples of a call that is counted.
        side: side of the latents.
        channels: channels of the latents.
        factor: pixels a side that a latent stands for.
        tokens, width: patch tokens of a picture, and the width of each.
    """

    rows = 1

    def __init__(self, models: Architectures, config: Config) -> None:
        self.models, self.config = models, config
        self._nets: dict[bool, Any] = {}
        self._net_costs: dict[tuple[bool, bool, bool], int] = {}
        self.resolution = config.data.resolution
        vae = models.config("text_to_image", "vae")
        blocks = vae.get("encoder_block_out_channels") or vae["block_out_channels"]
        self.factor = 2 ** (len(blocks) - 1)
        self.side, self.channels = self.resolution // self.factor, vae["latent_channels"]
        encoder = models.config("subject_encoder")
        self.width = encoder["hidden_size"]
        self.tokens = (models.input_side("subject_encoder") // encoder["patch_size"]) ** 2
        text = models.config("text_to_image", "text_encoder")
        self.text_tokens = text.get("max_position_embeddings", 77)
        self.text_width = models.config("text_to_image", "unet")["cross_attention_dim"]

    # the base model

    @cached_property
    def unet(self) -> int:
        """One step of the base UNet under text."""
        return self._unet(self._base, self.channels, self._text_states)

    @cached_property
    def unet_step(self) -> int:
        """One sample of a training step of the base UNet."""
        return self._unet(self._base, self.channels, self._text_states, back=True)

    @cached_property
    def control(self) -> int:
        """One step of the depth ControlNet, its depth map embedded."""
        return self.control_whole - self.embed_depth

    @cached_property
    def control_whole(self) -> int:
        """The same, with the embedding of the depth map."""
        network, picture = self._control, self._depth_map
        given = self._latents, times(self.rows), self._text_states(network)
        return self.count(lambda: network(*given, picture))

    @cached_property
    def embed_depth(self) -> int:
        """The ControlNet's embedding of a depth map, once a picture."""
        embed = self._control.controlnet_cond_embedding
        return self.count(lambda: embed(self._depth_map))

    @cached_property
    def _control(self) -> Any:
        return self.models.build("controlnet_depth").requires_grad_(False)

    @property
    def _latents(self) -> Any:
        return _empty(self.rows, self.channels, self.side, self.side)

    @property
    def _depth_map(self) -> Any:
        return _empty(self.rows, 3, self.resolution, self.resolution)

    @cached_property
    def encode(self) -> int:
        """The autoencoder's encoder, for one picture."""
        picture, network = _empty(self.rows, 3, self.resolution, self.resolution), self._vae
        return self.count(lambda: network.encode(picture))

    @cached_property
    def decode(self) -> int:
        """The autoencoder's decoder, for one picture."""
        network = self._vae
        return self.count(lambda: network.decode(self._latents))

    @cached_property
    def text(self) -> int:
        """The text encoder; a prompt that returns is not encoded again, which is not counted on."""
        network = self.models.build("text_to_image", "text_encoder")
        return self.count(lambda: network(input_ids=_ids(self.rows, self.text_tokens)))

    # what is trained

    @cached_property
    def refiner(self) -> int:
        """One step of the Refiner."""
        return self._unet(self.refiner_unet, *self._refiner_entry)

    @cached_property
    def refiner_step(self) -> int:
        """One sample of its training."""
        return self._unet(self.refiner_unet, *self._refiner_entry, back=True)

    @cached_property
    def views(self) -> int:
        """One step of the View Generator."""
        return self._unet(self.views_unet, *self._views_entry, wide=self._views_wide)

    @cached_property
    def views_step(self) -> int:
        """One sample of its training."""
        return self._unet(self.views_unet, *self._views_entry, back=True, wide=self._views_wide)

    def net(self, depth: bool, canvas: bool, back: bool = False) -> int:
        """One step of ToffeeNet, or one sample of its training; a canvas is twice as wide."""
        key = depth, canvas, back
        if key not in self._net_costs:
            network, wide = self.net_unet(depth), 2 if canvas else 1
            channels = network.config.in_channels
            self._net_costs[key] = self._unet(network, channels, self._net_states, back, wide)
        return self._net_costs[key]

    @cached_property
    def refiner_unet(self) -> Any:
        """The Refiner's network."""
        return self._widened(self._refiner_entry[0] - self.channels, self.width)

    @cached_property
    def views_unet(self) -> Any:
        """The View Generator's network."""
        return self._widened(self._views_entry[0] - self.channels, self.width)

    def net_unet(self, depth: bool) -> Any:
        """ToffeeNet's network."""
        if depth not in self._nets:
            self._nets[depth] = self._build_net(depth)
        return self._nets[depth]

    def _build_net(self, depth: bool) -> Any:
        import torch

        from toffee.models.unet import add_subject_attention

        extra = self.factor**2 + self.channels + (self.factor**2 if depth else 0)
        network = self._widened(extra)
        with torch.device("meta"):
            add_subject_attention(network, self.width, self.tokens)
        return network

    def update(self, network: Any, optimizer: str) -> int:
        """Changing a network's weights once, whatever the batch: the matrix products of Muon."""
        if optimizer != "muon":
            return 0
        return sum(muon(*weight.flatten(1).shape) for weight in weights_of(network))

    # encoders of pictures

    @cached_property
    def subject(self) -> int:
        """The subject encoder."""
        return self._vision("subject_encoder")

    @cached_property
    def depth(self) -> int:
        """The depth estimator."""
        return self._vision("depth")

    @cached_property
    def segment(self) -> int:
        """The segmenter, with the detector that prompts it where there is one."""
        found = self.segmenter
        return found + (self._detector() if "detector" in self.models.sources else 0)

    @cached_property
    def segment_exact(self) -> int:
        """What of it is float32 whatever the configuration says: what finds boxes, and without
        bfloat16 also what is prompted with them (see `toffee.models.grounded_segmenter`)."""
        if "detector" not in self.models.sources:
            return 0
        return self.segment - (self.segmenter if self.config.compute.dtype == "bfloat16" else 0)

    @cached_property
    def segmenter(self) -> int:
        """The segmenter alone."""
        return self._vision("segmenter")

    @cached_property
    def judge(self) -> int:
        """The filter's CLIP, of a picture."""
        return self._clip_vision("clip")

    @cached_property
    def judge_text(self) -> int:
        """The filter's CLIP, of a text."""
        network = self.models.build("clip")
        length = network.config.text_config.max_position_embeddings
        return self.count(lambda: network.text_model(input_ids=_ids(self.rows, length)))

    @cached_property
    def metrics(self) -> int:
        """All metric encoders, of a whole picture and of the subject in it, with its mask."""
        share = min(1, 2 * self.resolution / EFFICIENTNET_SIDE) ** 2
        return int(2 * (self.dino + share * EFFICIENTNET) + self.clip_i + self.segment)

    @cached_property
    def dino(self) -> int:
        """The metric DINO."""
        return self._vision("metric_dino")

    @cached_property
    def clip_i(self) -> int:
        """The metric CLIP, of a picture."""
        return self._clip_vision("metric_clip")

    # how

    @cached_property
    def _vae(self) -> Any:
        return self.models.build("text_to_image", "vae").requires_grad_(False)

    @cached_property
    def _base(self) -> Any:
        return self.models.build("text_to_image", "unet")

    def _widened(self, extra: int, width: int | None = None) -> Any:
        from toffee.models.unet import widen_unet

        with shapes_alone():
            return widen_unet(self._base, extra, width)

    @property
    def _refiner_entry(self) -> tuple[int, Callable[[Any], Any]]:
        grid = self.width if self.config.refiner.token_grid else 0
        return self.channels + grid, self._token_states

    @property
    def _views_entry(self) -> tuple[int, Callable[[Any], Any]]:
        settings = self.config.view_generator
        pose = self.factor**2 if settings.depth else 0
        given = self.channels if settings.reference == CANVAS else 0
        return self.channels + pose + given, self._token_states

    @property
    def _views_wide(self) -> int:
        """Width of what it draws on, in pictures."""
        return 2 if self.config.view_generator.reference == CANVAS else 1

    def _text_states(self, network: Any) -> Any:
        return _empty(self.rows, self.text_tokens, self.text_width)

    def _token_states(self, network: Any) -> Any:
        return _empty(self.rows, self.tokens, self.width)

    def _net_states(self, network: Any) -> Any:
        return (
            self._text_states(network),
            [network.subject_projection(self._token_states(network))],
        )

    def _unet(
        self,
        network: Any,
        channels: int,
        states: Callable[[Any], Any],
        back: bool = False,
        wide: int = 1,
    ) -> int:
        import torch

        network.requires_grad_(back)
        for parameter in network.parameters() if back else ():
            parameter.grad = torch.empty_like(parameter)  # there from the second micro-batch on
        if back and self.config.training.checkpointing:  # computes activations twice
            network.enable_gradient_checkpointing()
        entry = _empty(self.rows, channels, self.side, wide * self.side)

        def run() -> None:
            drawn = network(entry, times(self.rows), states(network)).sample
            if back:
                drawn.sum().backward()

        return self.count(run, back)

    def _vision(self, role: str) -> int:
        side, network = self.models.input_side(role), self.models.build(role)
        picture = _empty(self.rows, 3, side, side)
        if hasattr(network, "prompt_encoder"):  # one that is prompted with boxes
            return self.count(
                lambda: network(pixel_values=picture, input_boxes=_empty(self.rows, 1, 4))
            )
        return self.count(lambda: network(picture))

    def _clip_vision(self, role: str) -> int:
        side, network = self.models.input_side(role), self.models.build(role)
        return self.count(lambda: network.vision_model(_empty(self.rows, 3, side, side)))

    def _detector(self) -> int:
        """The detector: its backbone as counted; of the transformer that follows it, whose steps
        depend on the picture, two operations per parameter and place of the backbone's pyramid."""
        side, network = self.models.input_side("detector"), self.models.build("detector")
        places = sum((side // stride) ** 2 for stride in (8, 16, 32, 64))
        return self.detector_backbone + 2 * parameters(network.model.encoder) * places

    @cached_property
    def detector_backbone(self) -> int:
        """The backbone of the detector."""
        side = self.models.input_side("detector")
        backbone = self.models.build("detector").model.backbone.conv_encoder.model
        picture = _empty(self.rows, 3, side, side)
        return self.count(lambda: backbone(picture))

    def count(self, run: Callable[[], Any], back: bool = False) -> int:
        """What is counted of a call: its FLOPs."""
        return counted(run, back)


def counted(run: Callable[[], Any], back: bool = False) -> int:
    """FLOPs of a call, by torch's formulas."""
    import torch

    from toffee.plan.meter import Meter  # which imports torch

    with torch.set_grad_enabled(back), Meter() as meter:
        run()
    return meter.flops


def weights_of(network: Any) -> list[Any]:
    """What Muon changes of a network: its matrices and convolutions."""
    return [parameter for parameter in network.parameters() if parameter.ndim > 1]


def muon(rows: int, columns: int) -> int:
    """FLOPs of a step of Muon on a matrix: five times a product of the smaller side's square, its
    own square, and a product with the matrix (`torch.optim.Muon`)."""
    small, large = sorted((rows, columns))
    return 5 * (2 * small**2 * large + 2 * small**3 + 2 * small**2 * large)


def _empty(*shape: int) -> Any:
    import torch

    return torch.empty(*shape, device="meta")


def _ids(rows: int, length: int) -> Any:
    import torch

    return torch.empty(rows, length, device="meta", dtype=torch.long)


def times(rows: int) -> Any:
    """Times of some samples, on the meta device."""
    import torch

    return torch.empty(rows, device="meta", dtype=torch.long)
