"""The one photo kept of each benchmark subject.

A YAML file, subject → file name of one of its photos; `"*"` stands for every subject that is not
named. Models that need one photo get the kept photo, and reference policy `one photo` compares with
it alone.
"""

import os

from toffee.data.loaders.dreambench import Benchmark, BenchmarkSubject
from toffee.data.texts import read_yaml
from toffee.runtime.errors import ToffeeError

EVERY = "*"


def kept_photos(path: str | os.PathLike, benchmark: Benchmark) -> dict[str, int]:
    """Place of each subject's kept photo among its `photos`.

    Args:
        path: the YAML file.
        benchmark: the subjects; the file may name others, so that one file serves a part too.

    Raises:
        ToffeeError: the file is missing or no such mapping, names a photo that a subject has not,
            or names none for a subject.
    """
    names = _read(path)
    return {subject.subject: _place(path, names, subject) for subject in benchmark.subjects}


def _read(path: str | os.PathLike) -> dict[str, str]:
    names = read_yaml(path)
    if not isinstance(names, dict):
        raise ToffeeError(f"{path}: expected a mapping, subject: file name")
    for subject, name in names.items():
        if not isinstance(name, str):
            raise ToffeeError(f"{path}: {subject} is {name!r}, expected a file name")
    return names


def _place(path: str | os.PathLike, names: dict[str, str], subject: BenchmarkSubject) -> int:
    name = names.get(subject.subject, names.get(EVERY))
    if name is None:
        raise ToffeeError(f'{path}: no photo for {subject.subject}, expected a line of it or "*"')
    photos = [photo.name for photo in subject.photos]
    if name not in photos:
        raise ToffeeError(
            f"{path}: {subject.subject} has no photo {name}, expected one of {', '.join(photos)}"
        )
    return photos.index(name)
