"""ToffeeNet's UNet: a text-to-image UNet that also attends to the tokens of a subject's picture.

Every cross-attention has a second, decoupled one over subject tokens (IP-Adapter, arXiv
2308.06721). Part of the Toffee reproduction (arXiv 2406.09305), Apache-2.0.
"""

import inspect

import torch
from diffusers import UNet2DConditionModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0


class ToffeeNetUNet(UNet2DConditionModel):
    """A `UNet2DConditionModel` with attention to subject tokens.

    Args:
        subject_width: width of a subject token.
        subject_tokens: number of subject tokens of a picture.
        The rest as in `UNet2DConditionModel`.
    """

    def __init__(self, *, subject_width: int, subject_tokens: int, **config) -> None:
        super().__init__(**config)
        width = self.config.cross_attention_dim
        processors = {}
        for name, processor in self.attn_processors.items():
            if name.endswith("attn2.processor"):
                attention = self.get_submodule(name.removesuffix(".processor"))
                processor = IPAdapterAttnProcessor2_0(
                    attention.inner_dim, width, num_tokens=(subject_tokens,)
                )
            processors[name] = processor
        self.set_attn_processor(processors)
        self.subject_projection = torch.nn.Linear(subject_width, width)

    def set_subject_scale(self, scale: float) -> None:
        """Set λ, the weight of the attention to the subject beside that to the text."""
        for processor in self.attn_processors.values():
            if isinstance(processor, IPAdapterAttnProcessor2_0):
                processor.scale = [scale] * len(processor.scale)

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
