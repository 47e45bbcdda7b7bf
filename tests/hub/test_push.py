"""What is exported reaches a hub whole, and only where every licence in it is known."""

import pandas as pd
import pytest
from uploads import upload_handler

from toffee.cli import main


@pytest.fixture
def pushed(hub, client, tmp_path, monkeypatch):
    """The hub on loopback takes uploads, from whoever has its token."""
    folder = tmp_path / "pushed"
    folder.mkdir()
    hub._server.RequestHandlerClass = upload_handler(hub, folder)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


@pytest.fixture
def dataset(tmp_path):
    """An exported dataset, of two files, as far as a push looks; one file is large."""
    folder = tmp_path / "dataset" / "hub"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# pairs\n")
    (folder / "croissant.json").write_text("{}")

    def write(*licences):
        for number, licence in enumerate(licences):
            rows = {"licence": [licence, licence], "target": [bytes(9000 * number), b""]}
            name = f"train-{number:05d}-of-{len(licences):05d}.parquet"
            pd.DataFrame(rows).to_parquet(folder / "data" / name, compression=None)
        return folder

    return write


@pytest.fixture
def pipeline(tmp_path):
    """An exported pipeline, as far as a push looks."""
    folder = tmp_path / "pipeline"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(bytes(20_000))

    def write(licence):
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n\n# model\n")
        return folder

    return write


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def served(hub, repo):
    repository = hub.repositories[repo]
    return contents(repository.commits[repository.refs["main"]])


def test_a_dataset_arrives_whole_in_a_private_repository(pushed, dataset, capsys):
    folder = dataset("apache-2.0", "apache-2.0 AND cc-by-4.0")
    assert main(["export", str(folder), "--push", "me/pairs"]) == 0
    assert served(pushed, "me/pairs") == contents(folder) and len(contents(folder)) == 4
    assert pushed.repositories["me/pairs"].private
    said = capsys.readouterr().out
    assert "2 under apache-2.0 AND cc-by-4.0" in said
    assert said.splitlines()[-1] == f"{pushed.endpoint}/datasets/me/pairs"
    assert any("/datasets/me/pairs/commit/" in one[1] for one in pushed.requests)


def test_what_a_newer_export_lacks_is_removed(pushed, dataset):
    folder = dataset("mit")
    assert main(["export", str(folder), "--push", "me/pairs"]) == 0
    next(folder.glob("data/*.parquet")).unlink()
    dataset("mit", "mit")
    assert main(["export", str(folder), "--push", "me/pairs"]) == 0
    assert served(pushed, "me/pairs") == contents(folder) and len(contents(folder)) == 4


def test_a_pipeline_arrives_whole(pushed, pipeline):
    folder = pipeline("[apache-2.0, openrail++]")
    assert main(["export", str(folder), "--push", "me/net", "--public"]) == 0
    assert served(pushed, "me/net") == contents(folder)
    assert not pushed.repositories["me/net"].private


def test_without_push_nothing_is_sent(pushed, dataset, capsys):
    assert main(["export", str(dataset("mit"))]) == 0
    assert "a dataset, 3 files" in capsys.readouterr().out and pushed.requests == []


@pytest.mark.parametrize(
    "licence", ["", "unknown", "mit AND unknown", "other", "mvimgnet terms of use", None]
)
def test_a_pair_of_no_known_licence_stops_the_push(pushed, dataset, capsys, licence):
    folder = dataset("mit", licence)
    assert main(["export", str(folder), "--push", "me/pairs"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {folder}: 2 of 4 pairs are under ") and "[mit]" in line
    assert "nothing is pushed" in line and pushed.requests == []


@pytest.mark.parametrize("licence", ["unknown", "other", "", "[apache-2.0, unknown]"])
def test_a_pipeline_of_no_known_licence_is_not_pushed(pushed, pipeline, capsys, licence):
    assert main(["export", str(pipeline(licence)), "--push", "me/net"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "its licence is " in line and "nothing is pushed" in line and pushed.requests == []


def test_what_is_no_export_and_no_repository_is_one_line(pushed, dataset, tmp_path, capsys):
    folder = dataset("mit")
    broken = tmp_path / "broken"
    (broken / "data").mkdir(parents=True)
    (broken / "data" / "a.parquet").write_bytes(b"none")
    for arguments, expected in [
        ([str(tmp_path), "--push", "me/x"], "expected an exported dataset"),
        ([str(broken), "--push", "me/x"], "a.parquet: expected a column licence"),
        ([str(folder), "--push", "pairs"], "--push pairs: expected OWNER/NAME"),
    ]:
        assert main(["export", *arguments]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and expected in line
    assert pushed.requests == []


def test_a_hub_that_refuses_is_one_line(pushed, dataset, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert main(["export", str(dataset("mit")), "--push", "me/pairs"]) == 1
    assert "refuses to write me/pairs (HTTP 401): set HF_TOKEN" in capsys.readouterr().err
