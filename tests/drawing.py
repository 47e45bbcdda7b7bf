"""A results folder with an exported pipeline of an untrained ToffeeNet and the zoo's segmenter."""

from pathlib import Path

ZOO = Path(__file__).parents[1] / "workflow" / "zoo"
STEPS = 2


def write_results(folder: Path) -> Path:
    """Write `pipeline/` and `models/`, as a finished run has them; returns the folder."""
    import torch

    from toffee.config.settings import Sampling
    from toffee.export.pipeline import export_pipeline
    from toffee.method.toffeenet import save_toffeenet
    from toffee.models.subject_encoder import SubjectEncoder
    from toffee.models.unet import add_subject_attention, load_unet, widen_unet

    torch.manual_seed(0)
    encoder = SubjectEncoder(ZOO / "subject_encoder")
    unet = widen_unet(load_unet(ZOO / "text_to_image" / "unet"), 64 + 16)
    add_subject_attention(unet, encoder.width, encoder.grid**2)
    settings = {"token_width": encoder.width, "tokens": encoder.grid**2, "depth": False}
    settings |= {"segmented": True, "kinds": "both", "pairs": 5, "reference": "canvas"}
    models = folder / "models"
    models.mkdir(parents=True)
    save_toffeenet(models / "toffeenet", unet, settings)
    (models / "segmenter").symlink_to(ZOO / "segmenter")
    (models / "text_to_image").symlink_to(ZOO / "text_to_image")
    parts = models / "toffeenet", ZOO / "text_to_image", ZOO / "subject_encoder"
    names = {role: f"zoo/{role}" for role in ("text_to_image", "subject_encoder")}
    licences = {"text_to_image": "openrail++", "subject_encoder": "mine"}
    export_pipeline(
        *parts,
        folder / "pipeline",
        "toffeenet-test",
        64,
        1.0,
        Sampling(STEPS, 3.0),
        5.0,
        4.0,
        2.0,
        names,
        licences,
    )
    return folder


def write_photo(path: Path, word: str = "mug", size: tuple[int, int] = (64, 64)) -> Path:
    """A render of the world, in which the zoo's segmenter finds the object."""
    from PIL import Image

    from toffee.data.world.render import render
    from toffee.data.world.subject import draw_scene, draw_subject

    subject = next(s for n in range(99) if (s := draw_subject(n, "train")).class_word == word)
    picture = Image.fromarray(render([subject], [draw_scene(0, light="day")], 64).rgb[0].numpy())
    wide = Image.new("RGB", size, (90, 140, 80))
    wide.paste(picture.resize((min(size), min(size))), (0, 0))
    wide.save(path)
    return path
