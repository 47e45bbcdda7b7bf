"""Digest of the code that a rule runs: its script and every first-party module that it imports.

Snakemake sees that a script's file is newer, but neither what changed nor an edit to a module that
the script imports. A digest in `params` makes a rule rerun exactly when its code means something
else: it is computed from syntax trees, so that comments, docstrings and layout do not count, and
nothing is imported to compute it.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from toffee.runtime.errors import ToffeeError
from toffee.runtime.project import PACKAGE

SCRIPTS = PACKAGE.parent / "scripts"


def code_digest(script: str, scripts: Path = SCRIPTS, package: Path = PACKAGE) -> str:
    """Digest of a rule's script and of the first-party modules behind it.

    Args:
        script: the script's name without suffix, which is its rule's name.
        scripts: folder of the scripts.
        package: folder of the first-party package.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        ToffeeError: the script is missing, or a file is not valid Python.
    """
    path = Path(scripts, f"{script}.py")
    digest = hashlib.sha256()
    for file in sorted(source_files(path, package)):
        # The place within the package counts, so that moving code between modules does too.
        name = path.name if file == path else str(file.relative_to(package.parent))
        digest.update(f"{name}\0{_meaning(file)[0]}\0".encode())
    return digest.hexdigest()


def module_digests(script: str, scripts: Path = SCRIPTS, package: Path = PACKAGE) -> dict[str, str]:
    """What `code_digest` is made of, to say which module changed: file → digest of its meaning.

    Files are named by their place in the folder `workflow`; a digest is the first 16 digits of the
    SHA-256. Arguments as in `code_digest`.
    """
    files = sorted(source_files(Path(scripts, f"{script}.py"), package))
    return {
        str(file.relative_to(package.parent)): hashlib.sha256(
            _meaning(file)[0].encode()
        ).hexdigest()[:16]
        for file in files
    }


def source_files(path: Path, package: Path = PACKAGE) -> set[Path]:
    """A Python file and all first-party files that it imports, directly or through others."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported_files(file, package)
    return found


@cache
def _meaning(path: Path) -> tuple[str, frozenset[tuple[int, str, tuple[str, ...]]]]:
    """What a file means, as a dump of its syntax tree, and what it imports.

    Imports are (level of a relative import, module, imported names). Those inside functions count
    too: heavy modules are imported there.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    except SyntaxError as error:
        raise ToffeeError(f"{path}, line {error.lineno}: {error.msg}") from error
    imports = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {(0, alias.name, ()) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.add((node.level, node.module or "", names))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_strings(node)
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
def _imported_files(path: Path, package: Path) -> tuple[Path, ...]:
    """First-party files that a file imports, and the `__init__.py` of every package on the way."""
    modules: set[str] = set()
    for level, module, names in _meaning(path)[1]:
        if level:
            parent = path.relative_to(package.parent).parts[:-level]
            module = ".".join([*parent, *([module] if module else [])])
        if module.split(".")[0] == package.name:
            modules |= {module, *(f"{module}.{name}" for name in names)}
    files: set[Path] = set()
    for module in modules:
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            place = package.parent.joinpath(*parts[:depth])
            candidates = (place / "__init__.py", place.with_suffix(".py"))
            files |= {file for file in candidates if file.is_file()}
    return tuple(sorted(files))
