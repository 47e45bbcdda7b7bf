"""What is told to Snakemake of copied results."""

import os

from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.persistence.file import FilePersistence

from toffee.launch import adopt


def test_snakemakes_own_format_and_place(tmp_path):
    assert adopt.METADATA_FORMAT == RECORD_FORMAT_VERSION
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    for output in ("results/tiny/tables/a.csv", "results/" + "long/" * 60 + "a.csv"):
        theirs = persistence._record_path(persistence._metadata_path, output)
        assert str(adopt.metadata_path(tmp_path / ".snakemake", output)) == os.fspath(theirs)
