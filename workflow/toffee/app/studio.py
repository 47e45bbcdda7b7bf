"""What the page asks for: photos that were given, masks, drawings one after the other, history."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from toffee.data.pictures import decoded, rgb
from toffee.provenance.digests import read_json
from toffee.provenance.paths import LOGS, RECORDS
from toffee.runtime.errors import ToffeeError
from toffee.use import artist
from toffee.use.artist import Sampling
from toffee.use.command import PHOTOS, draw, edit, forget_unused
from toffee.use.model import Model
from toffee.use.parser import SCALE, SEED, STEPS
from toffee.use.subject import as_picture, class_word, find_subject, segmenter_of

SHOWN = 60
"""Pictures of the history."""


@dataclass
class Progress:
    """The command that runs, or the last one.

    Attributes:
        busy: whether it runs.
        done, all: denoising steps.
        made: names of the pictures.
        warnings, error: one line each.
    """

    busy: bool = False
    done: int = 0
    all: int = 0
    made: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""


class Studio:
    """A model and a folder of drawings. One command runs at a time, in a thread."""

    def __init__(self, model: Model, folder: Path, device: str, dtype: str) -> None:
        self.model, self.folder = model, folder.absolute()
        self.device, self.dtype = device, dtype
        self.progress = Progress()
        self._lock = threading.Lock()
        self._uploads = tempfile.TemporaryDirectory(prefix="toffee-app-")
        artist.WATCH[:] = [self._watch]

    def close(self) -> None:
        """Remove photos that were given and never used."""
        self._uploads.cleanup()

    def about(self) -> dict[str, Any]:
        """What the page has to know of the model."""
        pipe = read_json(self.model.pipeline / "model_index.json")
        names = ("subject_scale", "num_inference_steps", "guidance_scale", "resolution")
        labels: Sequence[str] = ()
        if self.model.segmenter:
            config = read_json(self.model.segmenter / "config.json")
            words = config["id2label"].values() if config.get("model_type") != "sam" else ()
            labels = [one for one in words if one != "background"]
        return {
            **{name: pipe[name] for name in names},
            "name": self.model.name,
            "licence": self.model.licence,
            "finds": self.model.segmenter is not None,
            "base": self.model.base is not None,
            "words": labels,
            "device": self.device,
        }

    def take(self, data: bytes) -> dict[str, Any]:
        """Keep a photo that the page was given. Raises ToffeeError where it is none."""
        try:
            picture = rgb(decoded(data))
        except ValueError as error:
            raise ToffeeError(f"this is no picture that can be read ({error})") from error
        # Its own bytes are what the record is of; the browser shows them upright, as they are read.
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        out = io.BytesIO()
        picture.save(out, "PNG")
        Path(self._uploads.name, name).write_bytes(out.getvalue())
        return {"id": name, "width": picture.width, "height": picture.height}

    def find(self, photo: str, word: str, prompts: Sequence[str]) -> dict[str, str]:
        """The mask of the object in a photo, as a PNG in base64, and the word that it was found by.

        Raises:
            ToffeeError: it is not found, or there is no segmenter.
        """
        if self.model.segmenter is None:
            raise ToffeeError("there is no segmenter: paint the mask")
        detector = str(self.model.detector) if self.model.detector else None
        with self._lock:
            segmenter = segmenter_of(str(self.model.segmenter), detector)
            asked = class_word(segmenter, word, prompts)
            picture = Image.open(self._photo(photo)).convert("RGB")
            mask = find_subject(segmenter, picture, asked, "the photo")
        out = io.BytesIO()
        as_picture(mask).save(out, "PNG")
        return {"mask": base64.b64encode(out.getvalue()).decode(), "word": asked}

    def draw(self, asked: Mapping[str, Any]) -> None:
        """Start to draw. asked: photos (id and mask), prompts, seeds, values, and whether also
        alone (without a photo), by base (the base model), and from all photos together."""
        photos = [self._photo(one["id"]) for one in asked["photos"]]
        if not photos:
            raise ToffeeError("no photo, expected one of your subject")
        masks = [self._mask(one.get("mask")) for one in asked["photos"]]
        given = [one for one in masks if one]
        if given and len(given) < len(photos):
            raise ToffeeError("only some photos have a mask: find or paint it in the others too")
        common = self._common(asked)
        names = ("alone", "base", "together")
        also: dict[str, Any] = {name: bool(asked.get(name)) for name in names}

        def run(kept: Callable[[Path], Path]) -> list[Path]:
            paths = [kept(one) for one in photos]
            return draw(
                self.folder,
                self.model,
                self._sampling(asked),
                paths,
                [kept(one) for one in given],
                **also,
                command=["toffee", "app"],
                **common,
            )

        self._start(run)

    def edit(self, asked: Mapping[str, Any]) -> None:
        """Start to edit. asked: picture (id), mask, subject (id and mask, or null) and values."""
        picture = self._photo(asked["picture"])
        mask = self._mask(asked.get("mask"))
        if mask is None:
            raise ToffeeError("no mask, expected what may change to be painted")
        subject = asked.get("subject")
        photo = self._photo(subject["id"]) if subject else None
        own = self._mask(subject.get("mask")) if subject else None
        common = self._common(asked)

        def run(kept: Callable[[Path], Path]) -> list[Path]:
            return edit(
                self.folder,
                self.model,
                self._sampling(asked),
                kept(picture),
                kept(mask),
                kept(photo) if photo else None,
                kept(own) if own else None,
                command=["toffee", "app"],
                **common,
            )

        self._start(run)

    def history(self) -> list[dict[str, Any]]:
        """The newest pictures with what they were drawn from."""
        found = []
        for path in sorted((self.folder / RECORDS).glob("*.json"), reverse=True):
            content = read_json(path)
            if "see" in content:
                content = read_json(path.parent / content["see"])
            name = path.name.removesuffix(".json")
            output = content["output"]
            kinds = ("out", "alone", "by_base")
            pictures = [Path(one).name for kind in kinds for one in output.get(kind, ())]
            if name in pictures and (self.folder / name).is_file():
                with Image.open(self.folder / name) as picture:
                    keys = ("prompt", "seed", "subject_scale", "num_inference_steps")
                    said = {key: str(picture.info.get(key, "")) for key in keys}
                    size = picture.size
                found.append({"name": name, "width": size[0], **said})
            if len(found) == SHOWN:
                break
        return found

    def file(self, name: str) -> Path | None:
        """A drawing, or a photo that was given, by its name; None where there is none."""
        places = (self.folder, Path(self._uploads.name), self.folder / PHOTOS)
        return next((path for place in places if (path := place / name).is_file()), None)

    def _photo(self, name: str) -> Path:
        path = self.file(name) if "/" not in name and name.endswith(".png") else None
        if path is None:
            raise ToffeeError(f"{name}: no such photo, drop it again")
        return path

    def _mask(self, text: str | None) -> Path | None:
        """A painted mask, a PNG in base64."""
        if not text:
            return None
        return Path(self._uploads.name, self.take(base64.b64decode(text))["id"])

    def _common(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        prompts = [str(one).strip() for one in asked["prompts"] if str(one).strip()]
        if not prompts:
            raise ToffeeError("no prompt, expected a text, e.g. a mug in the snow")
        seeds = [_value(SEED, "seed", one) for one in asked["seeds"]]
        return {"prompts": prompts, "seeds": seeds, "word": str(asked.get("word") or "")}

    def _sampling(self, asked: Mapping[str, Any]) -> Sampling:
        scale, steps = _value(SCALE, "λ", asked["scale"]), _value(STEPS, "steps", asked["steps"])
        return Sampling(scale, steps, device=self.device, dtype=self.dtype)

    def _start(self, run: Callable[[Callable[[Path], Path]], list[Path]]) -> None:
        if not self._lock.acquire(blocking=False):
            raise ToffeeError("another picture is being drawn, wait for it")
        self.progress = Progress(busy=True)
        threading.Thread(target=self._run, args=(run,)).start()

    def _run(self, run: Callable[[Callable[[Path], Path]], list[Path]]) -> None:
        is_new, copied = not self.folder.exists(), []

        def kept(path: Path) -> Path:
            """A photo where the record can name it for good."""
            if path.parent == self.folder:
                return path
            place = self.folder / PHOTOS / path.name
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
                copied.append(place)
            return place

        now = self.progress
        try:
            made = [path.name for path in run(kept)]
            number = made[0].split("-")[0]
            log = (self.folder / LOGS / f"{number}.log").read_text(encoding="utf-8")
            lines = (one for one in log.splitlines() if one.startswith("warning: "))
            now.warnings = [one.removeprefix("warning: ") for one in lines]
            now.made = made
        except Exception as error:  # nobody sees a traceback: one line on the page
            now.error = " ".join(str(error).split()) or type(error).__name__
            for place in copied:
                place.unlink(missing_ok=True)
            if is_new:
                forget_unused(self.folder)
        finally:
            now.busy = False
            self._lock.release()

    def _watch(self, done: int, total: int) -> None:
        self.progress.done, self.progress.all = done, total


def _value(kind: Callable[[str], Any], name: str, given: object) -> Any:
    """A value of the page, within the command line's range. Raises ToffeeError where it is not."""
    try:
        return kind(str(given))
    except argparse.ArgumentTypeError as error:
        raise ToffeeError(f"{name}: {error}") from error
