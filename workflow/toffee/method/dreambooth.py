"""DreamBooth: the base model fine-tuned for one subject, which the paper argues against.

Source: Ruiz et al., arXiv 2208.12242. The UNet learns to call the subject "a <unique token> <class
word>" from its photos, while pictures that it drew of the class before hold it to what it knows
(prior preservation). The text encoder stays as it is.
"""

from dataclasses import replace
from pathlib import Path

import torch

from toffee.config.settings import Drawing, Sampling, Tuning
from toffee.data.loaders.dreambench import UNIQUE_TOKEN
from toffee.models.diffusion import batches, diffusion_loss, draw_noising
from toffee.models.text_to_image import TextToImage
from toffee.runtime.compute import compute, computing, mixed
from toffee.runtime.device import device
from toffee.runtime.seeds import noise, seed_of
from toffee.training.loop import Schedule, fit


class DreamBooth:
    """The base model, fine-tuned for one subject at a time.

    Attributes:
        latent_shape: (channels, height, width) of the latents of a picture.
    """

    def __init__(
        self,
        text_to_image: str | Path,
        tuning: Tuning,
        drawing: Drawing,
        sampling: Sampling,
        seed: int,
    ) -> None:
        """Load the base model.

        Args:
            text_to_image: its folder.
            tuning: how each subject is fine-tuned.
            drawing, sampling: how pictures are drawn; a tuned model's have guidance of their own.
            seed: of all draws; those of a subject depend on nothing but it and the subject's name.
        """
        # What is trained holds float32; so it also draws as it is trained, in mixed precision.
        with computing(replace(compute(), dtype="float32", compile=False)):
            self.model = TextToImage(Path(text_to_image))
        self.tuning, self.seed = tuning, seed
        self.sampling, self.batch = sampling, drawing.batch
        self._tuned = False
        self.latent_shape = self.model.autoencoder.latent_shape(drawing.resolution)
        # On the CPU: a second UNet would not fit beside one that is trained on a GPU of 24 GB.
        self._base = {k: v.to("cpu", copy=True) for k, v in self.model.unet.state_dict().items()}
        self._priors: dict[str, torch.Tensor] = {}

    def reset(self) -> None:
        """Forget the subject."""
        self.model.unet.load_state_dict(self._base)
        self._tuned = False

    def prepare_class(self, class_word: str) -> None:
        """Draw the pictures of a class, once, with the base model."""
        if class_word in self._priors:
            return
        self.reset()
        prompt, count = f"a {class_word}", self.tuning.prior_images
        seeds = [
            seed_of(self.seed, "dreambooth prior", class_word, prompt, n) for n in range(count)
        ]
        parts = []
        for span in batches(count, self.batch):
            pictures = self.draw([prompt] * len(seeds[span]), noise(seeds[span], self.latent_shape))
            parts.append(self.model.autoencoder.encode(pictures))
        self._priors[class_word] = torch.cat(parts)

    def tune(self, subject: str, class_word: str, photos: torch.Tensor) -> list[float]:
        """Fine-tune for a subject, from the base model; returns the loss of each step.

        Args:
            subject: its name, from which the draws are seeded.
            class_word: what it is.
            photos: [P,3,H,W] in [0,1].
        """
        self.prepare_class(class_word)
        self.reset()
        model, count, prior = self.model, self.tuning.batch, self._priors[class_word]
        generator = torch.Generator().manual_seed(seed_of(self.seed, "dreambooth", subject))
        own = model.autoencoder.encode(photos)
        named, plain = f"a {UNIQUE_TOKEN} {class_word}", f"a {class_word}"
        text = model.text([named] * count + [plain] * count).to(device())
        weight = torch.tensor([1.0] * count + [self.tuning.prior_weight] * count)
        weight = weight[:, None, None, None].to(device())

        def draw() -> dict[str, torch.Tensor]:
            chosen = [
                latents[torch.randint(len(latents), (count,), generator=generator)]
                for latents in (own, prior)
            ]
            clean = torch.cat(chosen)
            noising = draw_noising(clean.shape, model.scheduler, generator, self.tuning.times)
            return {"clean": clean, **noising}

        def predict(noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
            return model.unet(noisy, times, text).sample

        def loss(clean: torch.Tensor, times: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
            gamma = self.tuning.min_snr_gamma
            half = diffusion_loss(predict, clean, model.scheduler, times, noise, weight, gamma)
            return 2 * half  # the mean over both halves; the paper's loss is their sum

        model.unet.requires_grad_(True)
        tuning = self.tuning
        schedule = Schedule(
            tuning.steps,
            count,
            tuning.learning_rate,
            constant=tuning.constant_rate,
            checkpointing=tuning.checkpointing,
            fused=tuning.fused,
        )
        fitted = fit([model.unet], draw, loss, schedule, f"DreamBooth {subject}")
        model.unet.requires_grad_(False)
        self._tuned = True
        return fitted.losses

    def draw(self, prompts: list[str], start: torch.Tensor) -> torch.Tensor:
        """Pictures [B,3,H,W] in [0,1] of prompts, from noise [B,C,h,w]."""
        sampling = self.sampling
        if self._tuned:
            sampling = replace(sampling, guidance=self.tuning.guidance)
        with mixed():
            return self.model.draw(prompts, start, sampling)
