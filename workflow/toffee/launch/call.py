"""How a rule calls its function: the names in the rule are the function's arguments.

A rule names its function in param `function`. An argument takes its value from the param, input or
output of its own name, else from the wildcard of its name. An argument whose type is a frozen
dataclass takes a param of its own name, or the inputs that are named as its fields. Three more
names are known: `threads` (the job's cores), `config` (the whole configuration, for what may not
cause a rerun) and `code` (the digest of the code).

Not passed on: input and params named `after`, which the job only waits for, params whose names end
in `digest` or `digests`, which say what was in a file that is read, and `compute`
(see `toffee.launch.job`).

`check_rule` compares names and types when the Snakefile is read. It reads signatures from syntax
trees, because importing the functions would load torch for every dry run.
"""

import ast
import builtins
import collections.abc
import dataclasses
import importlib
import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from toffee.config.base import Section
from toffee.launch.params import grouped
from toffee.provenance.code import module_file, syntax_tree
from toffee.runtime.environment import without_garbage_collection
from toffee.runtime.errors import ToffeeError
from toffee.runtime.values import convert

FUNCTION = "function"
GIVEN = ("threads", "config", "code")
"""Arguments that no rule has to name."""


@dataclass(frozen=True)
class Argument:
    """An argument of a function, as its source says.

    Attributes:
        annotation: its type, evaluated where that needs no import, else None.
        required: whether it has no default.
        fields: of an argument whose type is a dataclass: the fields, else None.
    """

    annotation: Any
    required: bool
    fields: Mapping[str, "Argument"] | None = None


def is_passed(name: str) -> bool:
    """Whether a param or input of this name is an argument of the rule's function."""
    kept = (FUNCTION, "compute", "after", *GIVEN)
    return name not in kept and not name.endswith(("digest", "digests"))


def check_rule(
    rule: str,
    function: str,
    params: Mapping[str, Any],
    inputs: Collection[str],
    outputs: Collection[str],
    wildcards: Collection[str],
) -> None:
    """Compare a rule's names and values with the signature of its function.

    Args:
        rule: name of the rule.
        function: dotted name of the function.
        params: values by name; callables, whose values depend on the job, are not compared.
        inputs, outputs, wildcards: names.

    Raises:
        ToffeeError: the function does not exist, lacks an argument that the rule names, needs one
            that the rule does not name, or a value does not fit its type.
    """
    arguments = signature(function)
    where = f"rule {rule}, function {function}"
    fields = {name for one in arguments.values() for name in one.fields or ()}
    for kind, names in (("param", params), ("input", inputs), ("output", outputs)):
        for name in filter(is_passed, names):
            if name not in arguments and not (kind == "input" and name in fields):
                raise ToffeeError(
                    f"{where}: no argument for {kind} {name}, expected one of: "
                    f"{', '.join(arguments)}"
                )
    named = {*params, *inputs, *outputs, *wildcards}
    for name, argument in arguments.items():
        if name in params:
            # A rule that this configuration does not use may lack a value. Jobs are checked too.
            if not callable(params[name]) and params[name] is not None:
                _check_value(f"{where}: param {name}", argument, params[name])
        elif argument.fields is not None and name not in named:
            missing = [n for n, a in argument.fields.items() if a.required and n not in inputs]
            if missing:
                raise ToffeeError(f"{where}: argument {name} needs an input {missing[0]}")
        elif argument.required and name not in named and name not in GIVEN:
            raise ToffeeError(f"{where}: the rule has nothing named {name}, which it needs")


@cache
def signature(function: str) -> dict[str, Argument]:
    """The arguments of a function by name, from its module's source.

    Raises:
        ToffeeError: there is no such module or function.
    """
    module, _, name = function.rpartition(".")
    for node in syntax_tree(module_file(module)).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _arguments(node, module)
    raise ToffeeError(f"no function {name} in {module}")


def _arguments(node: ast.FunctionDef, module: str) -> dict[str, Argument]:
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [True] * (len(plain) - len(given.defaults)) + [False] * len(given.defaults)
    required = dict(zip((one.arg for one in plain), defaults, strict=True))
    required |= {
        one.arg: default is None
        for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    }
    return {
        one.arg: _argument(one.annotation, required[one.arg], module)
        for one in [*plain, *given.kwonlyargs]
    }


def _argument(annotation: ast.expr | None, required: bool, module: str) -> Argument:
    fields = _fields(annotation.id, module) if isinstance(annotation, ast.Name) else None
    return Argument(_evaluated(annotation), required, fields)


def _evaluated(annotation: ast.expr | None) -> Any:
    """A type that is made of builtins, typing, collections.abc and Path; None for any other."""
    names = {"Path": Path} | {
        name: getattr(place, name)
        for place in (builtins, typing, collections.abc)
        for name in dir(place)
    }
    try:
        code = compile(ast.Expression(annotation), "annotation", "eval") if annotation else None
        return eval(code, {"__builtins__": {}}, names) if code else None  # our own source
    except NameError:
        return None


def _fields(name: str, module: str) -> dict[str, Argument] | None:
    """The fields of a dataclass that a module defines or imports from the package."""
    for node in syntax_tree(module_file(module)).body:
        if isinstance(node, ast.ClassDef) and node.name == name and _is_dataclass(node):
            return {
                one.target.id: _argument(one.annotation, one.value is None, module)
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            }
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("toffee"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _fields(alias.name, str(node.module))
    return None


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def _check_value(where: str, argument: Argument, value: Any) -> None:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Section):
        value = value.model_dump()
    if argument.fields is not None:
        if not isinstance(value, Mapping):
            raise ToffeeError(f"{where}: expected a value for each of {', '.join(argument.fields)}")
        for name in value:
            if name not in argument.fields:
                known = ", ".join(argument.fields)
                raise ToffeeError(f"{where}: no field {name}, expected one of: {known}")
        for name, field in argument.fields.items():
            if name in value:
                _check_value(f"{where}.{name}", field, value[name])
            elif field.required:
                raise ToffeeError(f"{where}: field {name} is missing")
    elif argument.annotation is not None:
        convert(where, argument.annotation, value)


def load(function: str) -> Callable[..., None]:
    """The function of a dotted name. Raises ToffeeError where there is none."""
    module, _, name = function.rpartition(".")
    module_file(module)
    with without_garbage_collection():
        return getattr(importlib.import_module(module), name)


def arguments_of(function: Callable[..., None], snakemake: Any) -> dict[str, Any]:
    """The arguments of a call, from the object that Snakemake hands to scripts.

    Raises:
        ToffeeError: a value is missing, or does not fit its type.
    """
    types = typing.get_type_hints(function)
    inputs = {name: _paths(value) for name, value in snakemake.input.items()}
    given = {
        "threads": snakemake.threads,
        "config": snakemake.config,
        **{name: str(value) for name, value in snakemake.wildcards.items()},
        **inputs,
        **{name: _paths(value) for name, value in snakemake.output.items()},
        **grouped(dict(snakemake.params.items())),
    }
    arguments = {}
    for name, kind in types.items():
        if name == "return":
            continue
        where = f"rule {snakemake.rule}: {name}"
        if name in given:
            arguments[name] = convert(where, kind, given[name])
        elif dataclasses.is_dataclass(kind):
            fields = {one.name for one in dataclasses.fields(kind)}
            values = {name: inputs[name] for name in fields & set(inputs) if inputs[name]}
            arguments[name] = convert(where, kind, values)
        elif inspect.signature(function).parameters[name].default is inspect.Parameter.empty:
            raise ToffeeError(f"{where}: the job has no value for it")
    return arguments


def _paths(value: Any) -> Any:
    """An input or output: a path, or a list of paths."""
    return str(value) if isinstance(value, str) else [str(path) for path in value]
