"""Digest of the code that a rule runs: what can be reached by name from its function.

Snakemake sees neither an edit to a module nor what an edit means. A digest in `params` makes a rule
rerun exactly when its code means something else. It is computed from syntax trees, and nothing is
imported to compute it: from the function it goes to the functions, classes and constants that it
names, to those that these name, and so on. What a module does while it is imported counts with
every module that is. Where names cannot tell (a module handed on as a value, a name that is not
found), the whole module counts: rather a rerun too many than a stale result.

How log lines, progress, interruption, records and whole files are written changes no result. Those
modules (`PLUMBING`) count as one number.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from toffee.provenance.statements import Chain, Source, Statement, parse, source_of
from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT

ROOTS = ("workflow", "tools")
"""Folders of the checkout in which first-party packages lie."""

PLUMBING = (
    *("toffee.runtime.background", "toffee.runtime.errors", "toffee.runtime.files"),
    *("toffee.runtime.processes", "toffee.runtime.progress", "toffee.runtime.signals"),
    *("toffee.provenance.costs", "toffee.provenance.digests", "toffee.provenance.listing"),
    *("toffee.provenance.paths", "toffee.provenance.record", "toffee.provenance.sources"),
)
PLUMBING_VERSION = 1
"""Counts in every digest. Raise it with an edit of `PLUMBING` that changes what is in a result."""

COMMANDS = {
    name: ".".join(("toffee", "use", "draw", name)) for name in ("draw_pictures", "edit_picture")
}
"""Functions that are no rule's, and are called with a record as if they were: by `toffee draw` and
`toffee edit`. The name of the rule in such a record → dotted name. Put together, so that the digest
of the audit, which names them and does not call them, leaves their code out."""

Node = tuple[Path, str]
"""A name at the top of a file, or one of the two below."""

LOADED, WHOLE = "", "*"
"""What a file does while it is imported; all of it."""


def code_digest(function: str, project: Path = PROJECT) -> str:
    """Digest of all code that a function reaches, and of the place where each part is.

    Args:
        function: dotted name, `package.module.function`.
        project: the checkout.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        ToffeeError: the module is missing, or a file is not valid Python.
    """
    digest = hashlib.sha256(f"plumbing {PLUMBING_VERSION}\0".encode())
    for file, meaning in _meanings(function, project).items():
        digest.update(f"{file}\0{meaning}\0".encode())
    return digest.hexdigest()


def module_digests(function: str, project: Path = PROJECT) -> dict[str, str]:
    """What `code_digest` is made of, to say which module changed: file → digest of what is reached.

    Files are named by their place in the checkout; a digest is the first 16 digits of the SHA-256.
    Arguments as in `code_digest`.
    """
    return {file: meaning[:16] for file, meaning in _meanings(function, project).items()}


def rule_functions(project: Path = PROJECT) -> dict[str, str]:
    """The function that each rule names, as the checkout's rule files say: rule → dotted name."""
    found, same = {}, []
    for path in sorted(project.glob("rules/*.smk")):
        text = path.read_text(encoding="utf-8")
        same += re.findall(r"^use rule (\w+) as (\w+) with:", text, re.M)
        for rule in re.finditer(r"^rule (\w+):\n((?:[ ].*)?\n)*", text, re.M):
            named = re.search(r'^ +function="([\w.]+)"', rule[0], re.M)
            if named:
                found[rule[1]] = named[1]
    return found | {rule: found[other] for other, rule in same if other in found}


def recorded_functions(project: Path = PROJECT) -> dict[str, str]:
    """The functions that records tell of: of the checkout's rules, and of commands."""
    return rule_functions(project) | COMMANDS


def module_file(module: str, project: Path = PROJECT) -> Path:
    """The file of a first-party module. Raises ToffeeError where there is none."""
    for root in ROOTS:
        place = project.joinpath(root, *module.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    raise ToffeeError(f"no module {module} in {' or '.join(ROOTS)} of {project}")


syntax_tree = cache(parse)
"""The syntax tree of a file (see `parse`), which nobody may change."""


@cache
def _meanings(function: str, project: Path) -> dict[str, str]:
    """SHA-256 of what a function reaches in each file, by the file's place in the checkout."""
    module, _, name = function.rpartition(".")
    reached: set[Node] = set()
    waiting: list[Node] = [(module_file(module, project), name)]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting += _next(node, project)
    found: dict[Path, set[str]] = {}
    for file, name in reached:
        source = _source(file, project)
        for statement in _statements(source, name):
            text = f"{statement.place:06d} {statement.meaning} {_bound(statement, source)}"
            found.setdefault(file, set()).add(text)
    return {
        file.relative_to(project).as_posix(): hashlib.sha256(
            "\n".join(sorted(found[file])).encode()
        ).hexdigest()
        for file in sorted(found)
    }


def _statements(source: Source, name: str) -> list[Statement]:
    """The statements that a name of a file stands for."""
    if name == LOADED:
        return source.effects
    known = source.definitions.get(name)
    return known or ([] if name in source.imports else list(source.everything()))


@cache
def _next(node: Node, project: Path) -> tuple[Node, ...]:
    """What the statements of a name refer to, and what is imported for them."""
    file, name = node
    source = _source(file, project)
    statements = _statements(source, name)
    found: set[Node] = set()
    if name == LOADED:
        package = _package(file, project)
        for dotted in source.imports.get(WHOLE, ()):  # from module import *
            found |= set(_named(tuple(dotted.split(".")), project))
        loads = source.loads | {".".join(package[:depth]) for depth in range(1, len(package) + 1)}
    else:
        found.add((file, LOADED))
        loads = {module for statement in statements for module in statement.loads}
        for dotted in source.imports.get(name, ()):
            found |= set(_named(tuple(dotted.split(".")), project))
    for module in loads:
        found |= {(one, LOADED) for one in _files(tuple(module.split(".")), project)}
    for statement in statements:
        for first, *rest in statement.uses:
            if first in source.definitions:
                found.add((file, first))
            for dotted in source.imports.get(first, ()) if first else [".".join(rest)]:
                more = rest if first else ()
                found |= set(_named((*dotted.split("."), *more), project))
    return tuple(found)


def _bound(statement: Statement, source: Source) -> str:
    """What the imported names in a statement stand for."""
    names = {use[0] for use in statement.uses} & source.imports.keys()
    return " ".join(f"{name}={','.join(sorted(source.imports[name]))}" for name in sorted(names))


def _named(dotted: Chain, project: Path) -> Iterator[Node]:
    """What a dotted name refers to in first-party code; nothing where it is of another package."""
    for depth in range(len(dotted), 0, -1):
        files = _files(dotted[:depth], project)
        for file in files:
            yield file, dotted[depth] if depth < len(dotted) else WHOLE
        if files:
            # A package may define a name that is also one of its modules.
            for package in _files(dotted[: depth - 1], project):
                source = _source(package, project)
                if dotted[depth - 1] in source.definitions.keys() | source.imports.keys():
                    yield package, dotted[depth - 1]
            return


@cache
def _source(file: Path, project: Path) -> Source:
    return source_of(file, _package(file, project))


def _package(file: Path, project: Path) -> Chain:
    return file.relative_to(project).parts[1:-1]  # below a folder of ROOTS


@cache
def _files(module: Chain, project: Path) -> tuple[Path, ...]:
    """The file of a first-party module; none of another one, and none of `PLUMBING`."""
    if not module or ".".join(module) in PLUMBING:
        return ()
    places = [project.joinpath(root, *module) for root in ROOTS]
    candidates = (file for place in places for file in (place / "__init__.py", _py(place)))
    return tuple(file for file in candidates if file.is_file())


def _py(place: Path) -> Path:
    return place.with_name(f"{place.name}.py")
