"""Draw a subject in a new picture, or edit a picture, with ToffeeNet.

Part of the Toffee reproduction (arXiv 2406.09305), Apache-2.0.
"""

import inspect
import json
import re
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils import logging
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from .inputs import (
    centred,
    check_sizes,
    number,
    photos_of_each,
    preprocessed,
    prompts_for,
    read_masks,
    read_pictures,
    resized,
    unit_range,
)
from .pictures import FORMATS  # noqa: F401  diffusers copies only files that this one names

logger = logging.get_logger(__name__)
OUTPUT_TYPES = ("pil", "np", "pt")
GREY = 0.5  # outside of a segmented subject, and inside of the mask of a picture to edit


class ToffeeNetPipeline(DiffusionPipeline):
    """One model for subject-driven generation and editing.

    Args:
        vae, text_encoder, tokenizer, unet, scheduler: as in other latent diffusion pipelines.
        subject_encoder: gives the subject's patch tokens (DINO family).
        subject_preprocessing: how it wants its pictures: size (height and width), mean, std, and
            the filter to resize with (mode).
        segmented: whether the model was trained on subjects cut out on grey.
        depth: whether it takes a depth map.
        reference: how the subject enters: `tokens`, or `canvas`: also as latents beside the drawn
            ones, on a canvas twice as wide.
        resolution: side in pixels of the pictures that it was trained on.
        subject_scale, num_inference_steps, guidance_scale, subject_guidance_scale: what a call uses
            that gives none.
        edit_guidance_scale, edit_subject_guidance_scale: the same, of a call that edits a picture;
            without the first, an edit is guided as a drawing is.
        guidance_interval: the part of the noise schedule in which guidance is on, from 0 (the
            picture) to 1 (noise); outside of it a step is one forward.
    """

    model_cpu_offload_seq = "text_encoder->subject_encoder->unet->vae"

    def __init__(
        self,
        vae,
        text_encoder,
        tokenizer,
        unet,
        scheduler,
        subject_encoder,
        subject_preprocessing: dict | None = None,
        segmented: bool = True,
        depth: bool = False,
        reference: str = "tokens",
        resolution: int = 512,
        subject_scale: float = 1.0,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        subject_guidance_scale: float | None = None,
        guidance_interval: tuple[float, float] = (0.0, 1.0),
        edit_guidance_scale: float | None = None,
        edit_subject_guidance_scale: float | None = None,
    ) -> None:
        super().__init__()
        for module in (vae, text_encoder, subject_encoder):
            if module.dtype != unet.dtype:  # their files may be of half precision
                module.to(unet.dtype)
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            subject_encoder=subject_encoder,
        )
        self.register_to_config(
            subject_preprocessing=subject_preprocessing,
            segmented=segmented,
            depth=depth,
            reference=reference,
            resolution=resolution,
            subject_scale=subject_scale,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            subject_guidance_scale=subject_guidance_scale,
            guidance_interval=guidance_interval,
            edit_guidance_scale=edit_guidance_scale,
            edit_subject_guidance_scale=edit_subject_guidance_scale,
        )
        blocks = vae.config.get("encoder_block_out_channels") or vae.config.block_out_channels
        self.factor = 2 ** (len(blocks) - 1)  # pixels a side of one latent
        self.grain = self.factor * 2 ** (len(unet.config.block_out_channels) - 1)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str],
        subject=None,
        subject_mask=None,
        image=None,
        mask=None,
        subject_scale: float | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        subject_guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        seed: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: torch.Tensor | None = None,
        depth: torch.Tensor | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
    ):
        """Draw, or edit where `image` and `mask` are given.

        Pictures are paths, PIL images, or tensors [B,3,H,W]: floats from 0 to 1, or uint8. Masks
        are paths, PIL images or tensors [B,H,W]; white counts, `pictures.py` has the rules. One of
        them, or a list with one for each prompt; with a single prompt, each of a list is drawn.

        Args:
            prompt: what to draw: one text or several.
            subject: picture of the subject that is to be in it; None draws from the text alone.
                With a list of lists, several photos of each subject (and of its masks), the best
                one first: all are attended to, and a canvas shows the first.
            subject_mask: where the subject is in its picture; None takes all of it.
            image: picture to edit. Outside of the mask it comes back as it was, to the bit.
            mask: what of it may change; all of it repaints the picture, as another style does.
            subject_scale: the paper's λ: 0 forgets the subject, 1 is as trained.
            num_inference_steps, guidance_scale: denoising steps; weight of text and subject over
                neither, 1 is off.
            subject_guidance_scale: weight of the subject over neither, apart; `guidance_scale` is
                then that of the text alone. A third forward in each step, unless the two are equal.
                None is the pipeline's own value, which edits may have another of (`defaults`); the
                folder's may be none, which is as equal ones.
            num_images_per_prompt: pictures of each prompt.
            seed: the first picture's noise is drawn from it, the next one's from seed + 1 and so
                on, on the CPU: the same on every device and beside whatever else is drawn.
            generator, latents: other ways to give the noise [B,C,h,w].
            depth: depth maps [B,H,W] in [0,1], near is bright; for models that take one.
            output_type: `pil`, `np` or `pt`.
            return_dict: whether to return an `ImagePipelineOutput` or a tuple.

        Raises:
            ValueError: what is given does not go together, or is of another type or range.
        """
        if output_type not in OUTPUT_TYPES:
            raise ValueError(f"output_type is {output_type!r}, expected {', '.join(OUTPUT_TYPES)}")
        if sum(one is not None for one in (seed, generator, latents)) > 1:
            raise ValueError("expected one of seed, generator and latents")
        each = number(num_images_per_prompt, "num_images_per_prompt", 1, whole=True)
        prompts = prompts_for(prompt, (subject, image), each)
        if subject is None and subject_mask is not None:
            raise ValueError("subject_mask without subject: expected both of them, or neither")
        if (image is None) != (mask is None):
            raise ValueError("image and mask belong together: expected both of them, or neither")
        if depth is not None and not self.config.depth:
            raise ValueError("this model takes no depth")
        count, device = len(prompts), self._execution_device
        given = {
            "subject_scale": subject_scale,
            "num_inference_steps": num_inference_steps,
            "guidance_scale": guidance_scale,
            "subject_guidance_scale": subject_guidance_scale,
        }
        own = self.defaults(editing=image is not None)
        given = {key: own[key] if one is None else one for key, one in given.items()}
        scale = number(given["subject_scale"], "subject_scale", 0)
        steps = number(given["num_inference_steps"], "num_inference_steps", 1, whole=True)
        guidance = number(given["guidance_scale"], "guidance_scale", 0)
        of_subject = guidance  # at once with the text
        if given["subject_guidance_scale"] is not None:
            of_subject = number(given["subject_guidance_scale"], "subject_guidance_scale", 0)

        pictures, masks = read_pictures(image, count), read_masks(mask, count, subject=False)
        check_sizes(pictures, masks, "image")
        height, width = self._drawn_size(pictures, latents)
        entry = self._entry(pictures, masks, depth, count, (height, width), device)
        photos = photos_of_each(subject, subject_mask)
        shown = [self._shown_subject(some, where, count) for some, where in photos]
        tokens = torch.cat([self._subject_tokens(one, count, device) for one in shown], 1)
        forwards = _forwards(guidance, of_subject)
        text = self._text([one if t else "" for t, _, _ in forwards for one in prompts], device)
        tokens = torch.cat([tokens if s else torch.zeros_like(tokens) for _, s, _ in forwards])
        beside = None
        if self.config.reference == "canvas":
            sees = [s and scale > 0 for _, s, _ in forwards]
            beside = self._beside(shown[0], sees, count, (height, width), device)
        shape = (
            count,
            self.vae.config.latent_channels,
            height // self.factor,
            width // self.factor,
        )
        drawn = self._sample(
            _noise(shape, latents, seed, generator),
            entry,
            text,
            tokens,
            beside,
            steps,
            [weight for *_, weight in forwards],
            scale,
            device,
        )
        drawn = self._decode(drawn)
        if pictures is not None:
            drawn = torch.where(masks[:, None], resized(drawn, pictures.shape[-2:]), pictures)
        self.maybe_free_model_hooks()
        images = _as(output_type, drawn)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def defaults(self, editing: bool) -> dict:
        """What a call uses that gives none, by the argument's name.

        editing: whether the call edits a picture.
        """
        names = ("subject_scale", "num_inference_steps", "guidance_scale", "subject_guidance_scale")
        own = {name: self.config[name] for name in names}
        if editing and self.config.edit_guidance_scale is not None:
            own |= {name: self.config[f"edit_{name}"] for name in names[2:]}
        return own

    def save_pretrained(self, save_directory, *arguments, push_to_hub=False, **options) -> None:
        """Save the parts as in every pipeline, with the code that `from_pretrained` needs.

        Raises:
            ValueError: `push_to_hub` is set: diffusers would upload before the code is written.
        """
        if push_to_hub:
            raise ValueError("push_to_hub is not supported: save, then upload the folder")
        super().save_pretrained(save_directory, *arguments, **options)
        folder = Path(save_directory)
        for name in ("pipeline", "inputs", "pictures"):
            shutil.copyfile(Path(__file__).with_name(f"{name}.py"), folder / f"{name}.py")
        kind = type(getattr(self.unet, "_orig_mod", self.unet))  # without torch.compile
        unet = Path(inspect.getfile(kind))
        shutil.copyfile(unet, folder / "unet" / unet.name)
        path = folder / "model_index.json"
        index = json.loads(path.read_text(encoding="utf-8"))
        index["_class_name"] = ["pipeline", type(self).__name__]
        index["unet"] = [unet.stem, kind.__name__]
        path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")

    def _drawn_size(self, pictures, latents) -> tuple[int, int]:
        """Height and width to draw at: of the model's scale, in the picture's proportions."""
        if latents is not None:
            return latents.shape[-2] * self.factor, latents.shape[-1] * self.factor
        side = self.config.resolution
        if pictures is None:
            return side, side
        height, width = pictures.shape[-2:]
        scale = side / min(height, width) / self.grain
        return tuple(max(1, round(edge * scale)) * self.grain for edge in (height, width))

    def _entry(self, pictures, masks, depth, count, size, device):
        """What the UNet sees beside the noise: mask, masked picture, depth where it takes one."""
        if pictures is None:
            shown = torch.full((count, 3, *size), GREY)
            masks = torch.ones(count, *size, dtype=torch.bool)
        else:
            masks = F.interpolate(masks[:, None].float(), size, mode="area")[:, 0] > 0
            whole = masks.flatten(1).all(1)[:, None, None]  # repainted, and shown
            hidden = (masks & ~whole)[:, None]
            shown = torch.where(hidden, torch.tensor(GREY), resized(pictures, size))
        parts = [F.pixel_unshuffle(masks[:, None].float(), self.factor).to(device)]
        parts.append(self._encode(shown, device))
        if self.config.depth:
            maps = (
                torch.zeros(count, *size)
                if depth is None
                else unit_range(depth, (count, *size), "depth")
            )
            parts.append(F.pixel_unshuffle(maps[:, None], self.factor).to(device))
        return torch.cat(parts, 1)

    def _shown_subject(self, subject, mask, count):
        """The subjects' pictures [B,3,H,W] as the model was trained to see them; None for none."""
        if subject is None:
            return None
        side = self.config.resolution
        pictures, masks = read_pictures(subject, count, side), read_masks(mask, count, side)
        check_sizes(pictures, masks, "subject")
        if self.config.segmented and masks is not None:
            masks = masks | ~masks.flatten(1).any(1)[:, None, None]
            pictures = torch.where(masks[:, None], pictures, torch.tensor(GREY))
        return pictures

    def _beside(self, shown, sees, count, size, device):
        """Latents for the right half of the canvas, of all forwards of a step.

        sees: whether each forward sees the subject; the others see grey.
        """
        empty = self._encode(torch.full((1, 3, *size), GREY), device).repeat(count, 1, 1, 1)
        latents = empty if shown is None else self._encode(centred(shown, size, GREY), device)
        return torch.cat([latents if one else empty for one in sees])

    def _subject_tokens(self, shown, count, device):
        """Patch tokens [B,N,d] of the subjects; zeros where there is none."""
        config = self.unet.config
        if shown is None:
            return torch.zeros(count, config.subject_tokens, config.subject_width, device=device)
        shown = preprocessed(shown, **self.config.subject_preprocessing)
        shown = shown.to(device, self.subject_encoder.dtype)
        hidden = self.subject_encoder(pixel_values=shown).last_hidden_state.float()
        return hidden[:, -config.subject_tokens :]  # behind the class token and registers

    def _text(self, prompts, device):
        """Embeddings [B,L,d] of the prompts."""
        for one in dict.fromkeys(prompts):
            self._warn_of(one)
        ids = self.tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt")
        return self.text_encoder(input_ids=ids.input_ids.to(device)).last_hidden_state

    def _warn_of(self, prompt):
        """Say which words the model does not know, and how many tokens it does not see."""
        unknown = []
        for word in re.findall(r"[^\W\d_]+", prompt):
            pieces = len(self.tokenizer(word, add_special_tokens=False).input_ids)
            # The tokenizer spells what is not in its vocabulary, by letters or bytes.
            if pieces > 1 and 2 * pieces > len(word.encode()):
                unknown.append(word)
        if unknown:
            logger.warning(f"{prompt!r}: the model does not know {', '.join(unknown)}")
        limit = self.tokenizer.model_max_length
        length = len(self.tokenizer(prompt, verbose=False).input_ids)
        if length > limit:
            logger.warning(f"{prompt!r}: cut from {length} tokens to the first {limit}")

    def _sample(self, noise, entry, text, tokens, beside, steps, weights, scale, device):
        """Latents, denoised; between the steps they are kept in single precision.

        beside: what the right half of the canvas shows, or None.
        weights: of the predictions of a step's forwards, which are one batch; the first of them
            sees text and subject.
        """
        dtype = self.unet.dtype
        width, height = noise.shape[-1], noise.shape[-2]
        self.unet.set_subject_scale(scale, 2 * width / height)
        text, tokens, entry = (given.to(device, dtype) for given in (text, tokens, entry))
        low, high = self.config.guidance_interval
        self.scheduler.set_timesteps(steps, device=device)
        latents = noise.to(device, torch.float32) * self.scheduler.init_noise_sigma
        for step, time in enumerate(self.progress_bar(self.scheduler.timesteps)):
            used = weights if low <= 1 - (step + 0.5) / steps <= high else [1.0]
            rows = slice(0, len(noise) * len(used))
            scaled = self.scheduler.scale_model_input(latents, time)
            shown = torch.cat([torch.cat([scaled.to(dtype), entry], 1)] * len(used))
            if beside is not None:
                right = self._right_half(beside[rows].to(dtype), torch.cat([entry] * len(used)))
                shown = torch.cat([shown, right], 3)
            drawn = self.unet(shown, time, text[rows], tokens[rows]).sample.float()[..., :width]
            drawn = drawn.chunk(len(used))
            drawn = sum(weight * one for weight, one in zip(used, drawn, strict=True))
            latents = self.scheduler.step(drawn, time, latents).prev_sample
        return latents

    def _right_half(self, beside, entry):
        """A half of the canvas that is given: no noise, nothing masked."""
        given = torch.zeros_like(entry)
        given[:, self.factor**2 : self.factor**2 + beside.shape[1]] = beside
        return torch.cat([beside, given], 1)

    def _encode(self, images, device):
        """Pictures to latents of unit scale; of a distribution its mode, so nothing is drawn."""
        coded = self.vae.encode((images * 2 - 1).to(device, self.vae.dtype))
        latents = coded.latent if hasattr(coded, "latent") else coded.latent_dist.mode()
        return latents.float() * self.vae.config.scaling_factor

    def _decode(self, latents):
        """Latents to pictures in [0,1], on the CPU."""
        latents = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)
        return (self.vae.decode(latents).sample.float().cpu() / 2 + 0.5).clamp(0, 1)


def _forwards(guidance, of_subject):
    """The forwards of a step, as (sees the text, sees the subject, weight of its prediction).

    The weights are those of: neither + of_subject * (subject - neither) + guidance * (both -
    subject), and what has no weight is not computed but for the first one.
    """
    every = [
        (True, True, guidance),
        (False, True, of_subject - guidance),
        (False, False, 1 - of_subject),
    ]
    return every[:1] + [one for one in every[1:] if one[2]]


def _noise(shape, latents, seed, generator):
    if latents is not None:
        if tuple(latents.shape) != tuple(shape):
            raise ValueError(f"latents are {tuple(latents.shape)}, expected {tuple(shape)}")
        return latents
    if seed is None:
        one = generator[0] if isinstance(generator, list) else generator
        device = torch.device("cpu") if one is None else one.device
        return randn_tensor(shape, generator, device, torch.float32)
    each = [torch.Generator("cpu").manual_seed(seed + place) for place in range(shape[0])]
    return torch.stack([torch.randn(*shape[1:], generator=one) for one in each])


def _as(kind, images):
    if kind == "pt":
        return images
    arrays = images.permute(0, 2, 3, 1).numpy()
    if kind == "np":
        return arrays
    return [Image.fromarray(one) for one in (arrays * 255).round().astype(np.uint8)]
