"""Digest of the code that a rule runs: its function's module and every first-party module that
this imports.

Snakemake sees neither an edit to a module nor what an edit means. A digest in `params` makes a rule
rerun exactly when its code means something else: it is computed from syntax trees, so that
comments, docstrings and layout do not count, and nothing is imported to compute it.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PROJECT

ROOTS = ("workflow", "tools")
"""Folders of the checkout in which first-party packages lie."""

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where the syntax tree of a statement holds other statements."""


def code_digest(function: str, project: Path = PROJECT) -> str:
    """Digest of the module of a function and of the first-party modules that it imports.

    Args:
        function: dotted name, `package.module.function`.
        project: the checkout.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        ToffeeError: the module is missing, or a file is not valid Python.
    """
    digest = hashlib.sha256()
    for file in _files(function, project):
        # The place counts, so that moving code between modules does too.
        digest.update(f"{file.relative_to(project)}\0{_meaning(file)[0]}\0".encode())
    return digest.hexdigest()


def module_digests(function: str, project: Path = PROJECT) -> dict[str, str]:
    """What `code_digest` is made of, to say which module changed: file → digest of its meaning.

    Files are named by their place in the checkout; a digest is the first 16 digits of the SHA-256.
    Arguments as in `code_digest`.
    """
    return {
        file.relative_to(project).as_posix(): hashlib.sha256(
            _meaning(file)[0].encode()
        ).hexdigest()[:16]
        for file in _files(function, project)
    }


def rule_functions(project: Path = PROJECT) -> dict[str, str]:
    """The function that each rule names, as the checkout's rule files say: rule → dotted name."""
    found = {}
    for path in sorted(project.glob("rules/*.smk")):
        text = path.read_text(encoding="utf-8")
        for rule in re.finditer(r"^rule (\w+):\n((?:[ ].*)?\n)*", text, re.M):
            named = re.search(r'^ +function="([\w.]+)"', rule[0], re.M)
            if named:
                found[rule[1]] = named[1]
    return found


def module_file(module: str, project: Path = PROJECT) -> Path:
    """The file of a first-party module. Raises ToffeeError where there is none."""
    for root in ROOTS:
        place = project.joinpath(root, *module.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    raise ToffeeError(f"no module {module} in {' or '.join(ROOTS)} of {project}")


@cache
def syntax_tree(path: Path) -> ast.Module:
    """The syntax tree of a file, which nobody may change.

    Raises as `_parse`.
    """
    return _parse(path)


def _parse(path: Path) -> ast.Module:
    """Read a file's syntax tree.

    Raises:
        ToffeeError: it cannot be read, or is not valid Python.
    """
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    except SyntaxError as error:
        raise ToffeeError(f"{path}, line {error.lineno}: {error.msg}") from error


def _files(function: str, project: Path) -> list[Path]:
    return sorted(source_files(module_file(function.rpartition(".")[0], project), project))


def source_files(path: Path, project: Path = PROJECT) -> set[Path]:
    """A Python file and all first-party files that it imports, directly or through others."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported_files(file, project)
    return found


@cache
def _meaning(path: Path) -> tuple[str, frozenset[tuple[int, str, tuple[str, ...]]]]:
    """What a file means, as a dump of its syntax tree, and what it imports.

    Imports are (level of a relative import, module, imported names). Those inside functions count
    too: heavy modules are imported there.
    """
    tree = _parse(path)  # a copy of `syntax_tree` would take five times as long
    imports: set[tuple[int, str, tuple[str, ...]]] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            imports |= {(0, alias.name, ()) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.add((node.level, node.module or "", names))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_strings(node)
        for name in BLOCKS:  # no expression holds a statement
            waiting += getattr(node, name, ())
    return ast.dump(tree), frozenset(imports)


def _drop_strings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Drop docstrings: strings that stand alone as statements, also those below attributes."""
    node.body = [
        statement
        for statement in node.body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
    ]


@cache
def _imported_files(path: Path, project: Path) -> tuple[Path, ...]:
    """First-party files that a file imports, and the `__init__.py` of every package on the way."""
    modules: set[str] = set()
    for level, module, names in _meaning(path)[1]:
        if level:
            parent = path.relative_to(project).parts[1:-level]  # below a folder of ROOTS
            module = ".".join([*parent, *([module] if module else [])])
        modules |= {module, *(f"{module}.{name}" for name in names)}
    return tuple(sorted({file for module in modules for file in _module_files(module, project)}))


@cache
def _module_files(module: str, project: Path) -> tuple[Path, ...]:
    """The files of a first-party module and of the packages around it; none of another module."""
    parts = module.split(".")
    files: list[Path] = []
    for root in (one for one in ROOTS if (project / one / parts[0]).is_dir()):
        for depth in range(1, len(parts) + 1):
            place = project.joinpath(root, *parts[:depth])
            candidates = (place / "__init__.py", place.with_suffix(".py"))
            files += (file for file in candidates if file.is_file())
    return tuple(files)
