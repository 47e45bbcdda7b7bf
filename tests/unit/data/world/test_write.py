"""What is written: the layouts of the real sources, from disjoint splits, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from toffee.config import load_config
from toffee.config.reference import PROJECT
from toffee.data.loaders.dreambench import load_benchmark
from toffee.data.loaders.multiview import load_multiview
from toffee.data.loaders.subjects import load_subjects
from toffee.data.world import write
from toffee.data.world.render import render
from toffee.data.world.subject import split_of
from toffee.data.world.vocabulary import ALL_WORDS, CLASSES
from toffee.data.world.write import write_benchmark, write_multiview, write_subjects


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_subject_folder_is_read_by_the_loader_of_real_ones(tmp_path) -> None:
    write_subjects(tmp_path / "subjects", 9, seed=0)
    folder = load_subjects(tmp_path / "subjects")
    assert len(folder) == 9 and not folder.quarantine
    assert {subject.class_word for subject in folder.subjects} == set(CLASSES)
    for subject in folder.subjects:
        assert subject.class_word in subject.caption.split()
        assert set(subject.caption.split()) <= set(ALL_WORDS)
        assert subject.mask is not None
        assert set(np.unique(np.array(Image.open(subject.mask)))) == {0, 255}


def test_photos_are_jpegs_of_full_colour_resolution(tmp_path) -> None:
    write_subjects(tmp_path / "subjects", 1, seed=0, resolution=64)
    picture = Image.open(next((tmp_path / "subjects" / "images").iterdir()))
    assert picture.format == "JPEG" and picture.size == (64, 64)
    assert {(across, down) for _, across, down, _ in picture.layer} == {(1, 1)}  # 4:4:4
    # libjpeg scales the standard luminance table, whose first entry is 16, to a tenth at 95.
    assert picture.quantization[0][0] == 2


def test_a_seed_gives_the_same_bytes_and_a_longer_folder_the_same_first_subjects(tmp_path) -> None:
    for name, count, seed in (("a", 3, 0), ("b", 3, 0), ("c", 5, 0), ("d", 3, 1)):
        write_subjects(tmp_path / name, count, seed=seed)
    first, again, longer, other = (tree(tmp_path / name) for name in "abcd")
    assert first == again
    for name, content in first.items():
        if name != "metadata.csv":
            assert longer[name] == content
            assert other.get(name) != content


def test_sequences_are_walks_around_one_subject(tmp_path) -> None:
    write_multiview(tmp_path / "views", 9, 4, seed=0)
    sequences = load_multiview(tmp_path / "views", check=True)
    assert len(sequences) == 9
    assert {sequence.class_word for sequence in sequences} == set(CLASSES)
    for sequence in sequences:
        assert [path.name for path in sequence.frames] == [f"{i:03d}.jpg" for i in range(4)]
        frames = sequence.cameras()["frames"]
        assert [frame["file"] for frame in frames] == [path.name for path in sequence.frames]
        turns = sorted(frame["azimuth"] for frame in frames)
        gaps = [b - a for a, b in zip(turns, [*turns[1:], turns[0] + 360], strict=True)]
        assert max(gaps) < 150  # all around, 90 degrees apart give or take
        for frame in frames:
            axes = np.array([frame["right"], frame["up"], frame["forward"]])
            assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-9)


def test_masks_are_those_of_the_frames(tmp_path, monkeypatch) -> None:
    drawn = []

    def spy(*given):
        drawn.append(render(*given))
        return drawn[-1]

    monkeypatch.setattr(write, "render", spy)
    write_multiview(tmp_path / "views", 2, 2, seed=3)
    sequences = {s.sequence: s for s in load_multiview(tmp_path / "views")}
    written = [
        (frame, mask)
        for name in ("ball_00000", "crate_00001")
        for frame, mask in zip(sequences[name].frames, sequences[name].masks, strict=True)
    ]
    for index, (frame, mask) in enumerate(written):
        assert np.array_equal(np.array(Image.open(mask)) > 0, drawn[0].mask[index].numpy())
        pixels = np.array(Image.open(frame)).astype(int)
        assert np.abs(pixels - drawn[0].rgb[index].numpy().astype(int)).mean() < 4


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("world") / "benchmark"
    write_benchmark(root, subjects=30, seed=0)
    return root


def test_the_benchmark_is_read_as_dreambench_is(benchmark) -> None:
    loaded = load_benchmark(benchmark)
    assert len(loaded) == 30 and len(loaded.pairs()) == 750
    for subject in loaded.subjects:
        assert 4 <= len(subject.photos) <= 6
        assert [path.name for path in subject.photos][:2] == ["00.jpg", "01.jpg"]
        assert len(subject.prompts) == 25 and not subject.live
        assert len({prompt.text for prompt in subject.prompts}) == 25
        for prompt in subject.prompts:
            assert set(prompt.text.split()) <= set(ALL_WORDS)
    assert "renders" in (benchmark / "dataset" / "references_and_licenses.txt").read_text()


def test_benchmark_subjects_are_held_out_and_differ() -> None:
    subjects = write._unlike(0, 30)
    looks = {(s.class_word, s.colour, s.texture) for s in subjects}
    assert len(looks) == 30
    for s in subjects:
        assert split_of(s.class_word, s.colour, s.second_colour, s.texture) == "heldout"


def test_no_development_subject_looks_like_one_of_the_benchmarks() -> None:
    values = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text())
    data = values["data"] | {"benchmark_split": "development"}
    config = load_config(values | {"data": data})
    tables = write._unlike(config.seed, 30)
    development = write._unlike(config.benchmark_seed, 30, tables)
    looks = [{(s.class_word, s.colour, s.texture) for s in some} for some in (tables, development)]
    assert load_config(values).benchmark_seed == config.seed
    assert len(looks[1]) == 30 and not looks[0] & looks[1]


def test_the_photos_of_a_benchmark_subject_have_different_backgrounds() -> None:
    for seed in range(20):
        album = write._album(seed)
        assert len({scene.background for scene in album}) == len(album) >= 4
        assert album[0].light == "day"


def test_folders_share_no_subject() -> None:
    drawn = {
        (folder, index): write._subject(0, folder, index, split)
        for folder, split in (
            ("subjects", "train"),
            ("multiview/train", "train"),
            ("multiview/heldout", "heldout"),
            ("benchmark", "heldout"),
        )
        for index in range(40)
    }
    shapes = {subject.shape for subject in drawn.values()}
    assert len(shapes) == len(drawn)


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    def broken(*given):
        raise RuntimeError("no more rays")

    monkeypatch.setattr(write, "render", broken)
    for writer in (
        lambda: write_subjects(tmp_path / "subjects", 2, seed=0),
        lambda: write_multiview(tmp_path / "views", 2, 2, seed=0),
        lambda: write_benchmark(tmp_path / "benchmark", 2, seed=0),
    ):
        with pytest.raises(RuntimeError):
            writer()
    assert list(tmp_path.iterdir()) == []


def test_cameras_are_plain_json(tmp_path) -> None:
    write_multiview(tmp_path / "views", 1, 2, seed=0, split="heldout")
    text = next((tmp_path / "views").rglob("cameras.json")).read_text()
    assert json.loads(text)["caption"].startswith("a")
