"""Small releases in the formats of the real sources."""

import io
import sqlite3
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WORDS = {0: "bag", 3: "Toy_butterfly ", 7: "wahser"}
SIZE = (64, 48)  # width, height


def picture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Smooth colours that tell pictures apart after JPEG."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))


def disc(frame: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A mask that moves with the frame."""
    mask = np.zeros((size[1], size[0]), bool)
    mask[10:30, 2 + frame : 22 + frame] = True
    return mask


def encoded(pixels: np.ndarray, format: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format=format)
    return out.getvalue()


def jpeg(seed: int, size: tuple[int, int] = SIZE) -> bytes:
    return encoded(picture(seed, size), "JPEG")


def png(mask: np.ndarray) -> bytes:
    return encoded(mask.astype(np.uint8) * 255, "PNG")


class Release:
    """MVImgNet: members of a zip file, by path; `write` makes zip files or folders of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{number},{word}\n" for number, word in WORDS.items())
        (root / "mvimgnet_category.txt").write_text(text)
        self.files: dict[str, dict[str, bytes]] = {}

    def video(
        self, identity: int, name: str, frames: int = 5, archive: str = "mvi_00.zip", masks=True
    ) -> None:
        folder = f"{identity}/{name}"
        members = self.files.setdefault(archive, {})
        members[f"{folder}/sparse/0/cameras.bin"] = b"\0"
        for frame in range(frames):
            seed = int(name, 16) * 100 + frame
            members[f"{folder}/images/{frame + 1:03d}.jpg"] = jpeg(seed)
            if masks:
                mask = self.files.setdefault("mask.zip", {})
                mask[f"mask/{folder}/{frame + 1:03d}.jpg.png"] = png(disc(frame))

    def write(self, extracted: bool = False, order: int = 1) -> Path:
        for archive, members in self.files.items():
            items = list(members.items())[::order]
            if extracted:
                for name, data in items:
                    path = self.root / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            else:
                with zipfile.ZipFile(self.root / archive, "w") as file:
                    for name, data in items:
                        file.writestr(name, data)
        return self.root


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Twelve videos of three classes in two zip files, their masks in a third."""
    made = Release(tmp_path / "mvimgnet")
    for number in range(12):
        identity = list(WORDS)[number % 3]
        made.video(identity, f"{number + 160:02x}", archive=f"mvi_{number % 2:02d}.zip")
    return made


def write_video(
    path: Path, codec: str, pixels: str, frames: list[np.ndarray], start: int = 0
) -> None:
    """Ten frames a second, a key frame at every sixth; the first frame is number `start`."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"g": "6", "crf": "1"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        for number, frame in enumerate(frames):
            format = "rgb24" if frame.ndim == 3 else "gray"
            picture = av.VideoFrame.from_ndarray(frame, format=format)
            picture.pts, picture.time_base = start + number, Fraction(1, 10)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def write_turntable(root: Path, folder: str, shade: int, frames: int = 20) -> None:
    """A sequence whose frames and masks tell their number: grey 10 × number, mask from there on."""
    images = [np.full((48, 64, 3), 10 * n + shade, np.uint8) for n in range(frames)]
    masks = [disc(n).astype(np.uint8) * 255 for n in range(frames)]
    write_video(root / folder / "rgb_video.mp4", "libx264", "yuv420p", images)
    write_video(root / folder / "mask_video.mkv", "ffv1", "gray", masks)


def write_metadata(root: Path, rows: list[tuple]) -> None:
    with sqlite3.connect(root / "metadata.sqlite") as database:
        database.execute(
            "CREATE TABLE sequence_annots (sequence_name VARCHAR PRIMARY KEY, category VARCHAR, "
            "super_category VARCHAR, _video_path VARCHAR, _mask_video_path VARCHAR)"
        )
        database.executemany("INSERT INTO sequence_annots VALUES (?, ?, ?, ?, ?)", rows)
    database.close()
