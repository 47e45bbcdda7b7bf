"""ToffeeNet's UNet: a text-to-image UNet that also attends to the tokens of a subject's picture.

Every cross-attention has a second, decoupled one over subject tokens (IP-Adapter, arXiv
2308.06721). Part of the Toffee reproduction (arXiv 2406.09305), Apache-2.0.
"""

import inspect

import torch
from diffusers import UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import AttnProcessor2_0, IPAdapterAttnProcessor2_0


class OneByOne:
    """Attention that can be computed sample by sample, which takes less memory.

    A class beside one of diffusers' attention processors, whose call this one splits.
    """

    one_by_one = False

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, *arguments, **options):
        states = encoder_hidden_states
        if not self.one_by_one:
            return super().__call__(attn, hidden_states, states, *arguments, **options)  # type: ignore[misc]
        count, parts = len(hidden_states), []
        for row in map(slice, range(count), range(1, count + 1)):
            given = hidden_states[row], _rows(states, row)
            parts.append(super().__call__(attn, *given, *arguments, **options))  # type: ignore[misc]
        return torch.cat(parts)


def _rows(states, row):
    """Some rows of the states attended to: text, or text and tokens of each subject."""
    if isinstance(states, tuple):
        return states[0][row], [one[row] for one in states[1]]
    return None if states is None else states[row]


class SelfAttention(OneByOne, AttnProcessor2_0):
    """Self-attention over a picture."""


class SubjectAttention(OneByOne, IPAdapterAttnProcessor2_0):
    """Attention to the text, and apart from it to the subject's tokens with weight λ."""


class CanvasAttention(SelfAttention):
    """Self-attention over a canvas, in which the left half looks at the right one with weight λ.

    After OminiControl (arXiv 2411.15098), which adds log λ to the logits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.aspect = 1.0, 2.0  # λ; width of the canvas by its height

    def __call__(self, attn, hidden_states, *arguments, **options):
        if self.scale != 1:
            batch, places = hidden_states.shape[:2]
            batch = 1 if self.one_by_one else batch
            columns = round((places * self.aspect) ** 0.5)
            right = torch.arange(places, device=hidden_states.device) % columns >= columns // 2
            weight = torch.where(~right[:, None] & right, self.scale, 1.0)
            bias = weight.log().to(hidden_states.dtype)
            options["attention_mask"] = bias.expand(batch * attn.heads, places, places)
        return super().__call__(attn, hidden_states, *arguments, **options)


class ToffeeNetUNet(UNet2DConditionModel):
    """A `UNet2DConditionModel` with attention to subject tokens.

    Args:
        subject_width: width of a subject token.
        subject_tokens: number of subject tokens of a picture.
        canvas: whether it draws the left half of a canvas, whose right half shows the subject.
        The rest as in `UNet2DConditionModel`.
    """

    def __init__(
        self, *, subject_width: int, subject_tokens: int, canvas: bool = False, **config
    ) -> None:
        super().__init__(**config)
        width = self.config.cross_attention_dim
        processors = {}
        for name, processor in self.attn_processors.items():
            if name.endswith("attn2.processor"):
                attention = self.get_submodule(name.removesuffix(".processor"))
                processor = SubjectAttention(
                    attention.inner_dim, width, num_tokens=(subject_tokens,)
                )
            elif name.endswith("attn1.processor"):
                processor = CanvasAttention() if canvas else SelfAttention()
            processors[name] = processor
        self.set_attn_processor(processors)
        self.subject_projection = torch.nn.Linear(subject_width, width)

    def set_subject_scale(self, scale: float, aspect: float = 2.0) -> None:
        """Set λ, the weight of attention to the subject: to its tokens, and on a canvas.

        aspect: width of the canvas by its height.
        """
        for processor in self.attn_processors.values():
            if isinstance(processor, SubjectAttention):
                processor.scale = [scale] * len(processor.scale)
            elif isinstance(processor, CanvasAttention):
                processor.scale, processor.aspect = scale, aspect

    def set_attention_slice(self, slice_size="auto") -> None:
        """Attend sample by sample (None: to all at once), which takes less memory.

        The base class would put other processors in the place of those that see the subject.
        """
        for processor in self.attn_processors.values():
            processor.one_by_one = slice_size is not None

    def forward(self, sample, timestep, encoder_hidden_states, subject_tokens, **options):
        """As the base class; subject_tokens [B,N,d], zeros for none."""
        states = (encoder_hidden_states, [self.subject_projection(subject_tokens)])
        return super().forward(sample, timestep, states, **options)


def _own_config(init):
    """Let diffusers see all keys of the configuration: it looks at the signature."""
    base = inspect.signature(UNet2DConditionModel.__init__).parameters.values()
    own = [
        one for one in inspect.signature(init).parameters.values() if one.kind != one.VAR_KEYWORD
    ]
    init.__signature__ = inspect.Signature([*base, *own[1:]])
    return register_to_config(init)


ToffeeNetUNet.__init__ = _own_config(ToffeeNetUNet.__init__)  # type: ignore[method-assign]
