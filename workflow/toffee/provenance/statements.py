"""The statements of a Python file, as the digest of code sees them: what each means, which names it
defines, and which it uses.

Comments, docstrings, layout and the text of log lines are no part of a meaning.
"""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from toffee.runtime.errors import ToffeeError

Chain = tuple[str, ...]
"""A name with the attributes that are asked of it: `np.random.rand`."""

SIGNALS = "toffee.runtime.signals"
SPOKEN: dict[str, tuple[str, ...] | None] = {
    "print": None,
    f"{SIGNALS}.stop_if_interrupted": None,
    f"{SIGNALS}.Interrupted": None,
    "toffee.runtime.progress.progress": ("desc", "unit"),
    "toffee.runtime.distributed.shared_progress": ("desc", "unit"),
}
"""Calls whose text only people read: the keywords that hold it, None where all arguments do."""

PASSIVE = (ast.Import, ast.ImportFrom, ast.Pass)
STREAMS = ("sys.stderr", "sys.stdout")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where the syntax tree of a statement holds other statements."""

CHAINED = (ast.Name, ast.Attribute)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a file.

    Attributes:
        place: its number in the file.
        meaning: SHA-256 of its syntax tree.
        uses: names in it; a text that may be the name of a module begins with an empty part.
        loads: modules that it imports when it runs.
    """

    place: int
    meaning: str
    uses: frozenset[Chain]
    loads: frozenset[str]


@dataclass
class Source:
    """A file in statements.

    Attributes:
        definitions: the statements that define a name: functions, classes, constants.
        effects: other statements; all of them run when the file is imported.
        main: those that only run when the file is a program.
        imports: what an imported name stands for, `package.module.name`, wherever it is imported.
        loads: modules that are imported with the file.
    """

    definitions: dict[str, list[Statement]] = field(default_factory=dict)
    effects: list[Statement] = field(default_factory=list)
    main: list[Statement] = field(default_factory=list)
    imports: dict[str, set[str]] = field(default_factory=dict)
    loads: set[str] = field(default_factory=set)

    def everything(self) -> Iterator[Statement]:
        """All statements but imports."""
        for some in self.definitions.values():
            yield from some
        yield from self.effects
        yield from self.main


def parse(path: Path) -> ast.Module:
    """Read a file's syntax tree.

    Raises:
        ToffeeError: it cannot be read, or is not valid Python.
    """
    return _parsed(_text(path), path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ToffeeError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ToffeeError(f"{path}: not valid Python ({error})") from error


def _parsed(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text, filename=str(path))
    except SyntaxError as error:
        raise ToffeeError(f"{path}, line {error.lineno}: {error.msg}") from error
    except ValueError as error:
        raise ToffeeError(f"{path}: not valid Python ({error})") from error


_KNOWN: dict[tuple[str, Chain], Source] = {}
"""Files that were taken apart, by text and package: a crate's copy of the checkout has the same."""


def source_of(path: Path, package: Chain) -> Source:
    """Take a file apart; nobody may change what it gives.

    Args:
        path: the file.
        package: the package that it is in, for relative imports.

    Raises:
        ToffeeError: as `parse`.
    """
    text = _text(path)
    if (text, package) not in _KNOWN:
        _KNOWN[text, package] = _taken_apart(_parsed(text, path), package)
    return _KNOWN[text, package]


def _taken_apart(tree: ast.Module, package: Chain) -> Source:
    source = Source()
    for one in _nested(tree):
        for name, target in _bindings(one, package):
            source.imports.setdefault(name, set()).add(target)
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source.loads |= set(_modules(node, package))
            continue
        if _is_docstring(node):
            continue
        statement = _statement(place, node, package, source)
        names = _defined(node)
        for name in names:
            source.definitions.setdefault(name, []).append(statement)
        if _guard(node) == "__main__":
            source.main.append(statement)
        elif not names and _guard(node) != "TYPE_CHECKING":
            source.effects.append(statement)
        if not isinstance(node, DOCUMENTED) and not _guard(node):
            source.loads |= statement.loads
    return source


def _statement(place: int, node: ast.stmt, package: Chain, source: Source) -> Statement:
    reading = _Reading(package, source)
    meaning = hashlib.sha256(reading.text_of(node).encode()).hexdigest()
    return Statement(place, meaning, frozenset(reading.uses), frozenset(reading.loads))


@cache
def _fields(kind: type[ast.AST]) -> tuple[tuple[str, bool], ...]:
    """The fields of a kind of node, and whether each may be left out."""
    return tuple((name, getattr(kind, name, ...) is None) for name in kind._fields)


class _Reading:
    """What is found in a statement on one way through its syntax tree: a run of Snakemake reads all
    files of the checkout, and every job those that it reaches.

    Attributes:
        uses, loads: see `Statement`.
    """

    def __init__(self, package: Chain, source: Source) -> None:
        self.package, self.source = package, source
        self.uses: set[Chain] = set()
        self.loads: set[str] = set()

    def text_of(self, node: ast.AST, inner: bool = False) -> str:
        """A node as `ast.dump` of Python 3.11 writes it, without docstrings and spoken texts.

        inner: whether it is a name or an attribute in a longer chain, which is looked at already.
        """
        kind: Any = node.__class__
        if not inner and kind in self.LOOKS:
            self.LOOKS[kind](self, node)
        parts = []
        for name, optional in _fields(kind):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                text = self.text_of(value, kind is ast.Attribute and isinstance(value, CHAINED))
            elif isinstance(value, list):
                texts = [self.text_of(x) if isinstance(x, ast.AST) else repr(x) for x in value]
                text = f"[{', '.join(texts)}]"
            elif value is None and optional:
                continue
            else:
                text = repr(value)
            parts.append(f"{name}={text}")
        return f"{kind.__name__}({', '.join(parts)})"

    def _name(self, node: Any) -> None:
        if chain := _chain(node):
            self.uses.add(chain)

    def _constant(self, node: Any) -> None:
        if isinstance(node.value, str):
            parts = node.value.replace(":", ".").split(".")
            if len(parts) > 1 and all(part.isidentifier() for part in parts):
                self.uses.add(("", *parts))  # it may name a module to run, or a function to call

    def _call(self, node: Any) -> None:
        _drop_spoken(node, self.source)

    def _documented(self, node: Any) -> None:
        for line in filter(_is_docstring, node.body):
            self.text_of(line)
        node.body = [line for line in node.body if not _is_docstring(line)]

    def _import(self, node: Any) -> None:
        self.loads |= set(_modules(node, self.package))

    LOOKS: ClassVar[dict[type[ast.AST], Callable[["_Reading", Any], None]]] = {
        **dict.fromkeys(CHAINED, _name),
        **dict.fromkeys((ast.Import, ast.ImportFrom), _import),
        **dict.fromkeys(DOCUMENTED, _documented),
        ast.Constant: _constant,
        ast.Call: _call,
    }
    """What is done where a node of a kind is met."""


def _nested(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements of a file, also those inside of others; no expression holds one."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in BLOCKS:
            waiting += getattr(node, name, ())


def _chain(node: ast.expr) -> Chain | None:
    """The chain of an attribute or name; None where it begins with something else than a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement defines and does nothing else; none for any other statement."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        flat = [
            one
            for target in node.targets
            for one in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
        names = [one.id for one in flat if isinstance(one, ast.Name)]
        return names if len(names) == len(flat) else []
    if isinstance(node, ast.If | ast.Try):
        parts = [_defined(one) for one in _inside(node) if not isinstance(one, PASSIVE)]
        return [name for part in parts for name in part] if all(parts) else []
    return []


def _inside(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a block's branches."""
    for name in BLOCKS:
        for one in getattr(node, name, ()):
            if isinstance(one, ast.stmt):
                yield one
            else:
                yield from _inside(one)


def _guard(node: ast.stmt) -> str | None:
    """`__main__` of a block for programs, `TYPE_CHECKING` of one for type checkers."""
    if not isinstance(node, ast.If) or node.orelse:
        return None
    if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return "TYPE_CHECKING"
    return "__main__" if ast.unparse(node.test) == "__name__ == '__main__'" else None


def _bindings(node: ast.AST, package: Chain) -> Iterator[tuple[str, str]]:
    """The names that an import binds, and what they stand for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            yield alias.asname or first, alias.name if alias.asname else first
    elif isinstance(node, ast.ImportFrom):
        module = _module(node, package)
        for alias in node.names:
            yield alias.asname or alias.name, f"{module}.{alias.name}"


def _modules(node: ast.Import | ast.ImportFrom, package: Chain) -> Iterator[str]:
    """What an import may load: modules, and names in them that may be modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    else:
        module = _module(node, package)
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _module(node: ast.ImportFrom, package: Chain) -> str:
    parents = package[: len(package) - node.level + 1] if node.level else ()
    return ".".join([*parents, *([node.module] if node.module else [])])


def _is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is a string that stands alone: of a function, or below an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _drop_spoken(call: ast.Call, source: Source) -> None:
    """Empty the texts in a call that only people read; what the call computes stays."""
    chain = _chain(call.func) or ("",)
    known = source.imports.get(chain[0], {chain[0]})
    named = {".".join([one, *chain[1:]]) for one in known}
    for name in named & SPOKEN.keys():
        keywords = {one.arg: one.value for one in call.keywords if one.arg}
        if name == "print":
            if "file" in keywords and ast.unparse(keywords["file"]) not in STREAMS:
                return  # a file that is read again
            _empty(call.args)
        elif SPOKEN[name] is None:
            _empty([*call.args, *keywords.values()])
        _empty(keywords[one] for one in SPOKEN[name] or () if one in keywords)


def _empty(nodes: Iterable[ast.expr]) -> None:
    """Empty the constants in expressions, not those that calls in them are given."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Constant):
            node.value, node.kind = "", None
        elif not isinstance(node, ast.Call | ast.NamedExpr):
            waiting += ast.iter_child_nodes(node)
