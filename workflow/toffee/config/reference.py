"""The configuration's JSON schema and its reference for readers, both from the typed sections.

python -m toffee.config        writes workflow/schemas/config.schema.json and config/README.md
"""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from toffee.config.sections import Config
from toffee.runtime.files import write_text
from toffee.runtime.project import PROJECT

SCHEMA = PROJECT / "workflow" / "schemas" / "config.schema.json"
README = PROJECT / "config" / "README.md"
KIND = ", kind "
SCALES = {
    "tiny": "config.yaml",
    "desk": "desk.yaml",
    "small": "small.yaml",
    "paper": "paper.yaml",
}

INTRODUCTION = """# Configuration
`config.yaml` is the tiny scale and holds every key. `desk.yaml`, `small.yaml` and `paper.yaml` hold
what differs and are laid over it: `snakemake --cores 8 --configfile config/small.yaml`. A single
value can be changed on the command line: `snakemake --cores 2 --config 'refiner={steps: 500}'`, and
`--config scale=small` is short for the small scale's file. An unknown key or a value out of range
stops the run with one line that names it, before any job starts. A changed value reruns the rules
that use it and all that depends on them, and nothing else.

| file | holds |
|---|---|
| `config.yaml`, `desk.yaml`, `small.yaml`, `paper.yaml` | the four scales |
| `models.yaml` | sources of the base models: set → role → zoo folder or hub repository |
| `models.lock.yaml` | SHA-256 of every file that came from a hub, see below |
| `prompts/*.yaml` | contexts, colours, textures and styles that the prompts are made of |
| `prompts/classes.txt`, `prompts/living.txt` | class words of subjects that are drawn |
| `prompts/dreambench.txt` | DreamBench's prompts as published, see below |
| `references/*.yaml` | the one photo kept of each benchmark subject, see below |
| `published/` | published numbers with their sources |

`references/*.yaml` has a line `subject: file name` for each benchmark subject, with the name of one
of its photos; `"*": file name` is for all other subjects. ToffeeNet sees that photo, and reference
policy `one photo` of table `dreambench` compares with it.

`prompts/dreambench.txt` is `prompts_and_classes.txt` of google/dreambooth (GitHub) at revision
4f887af7970a06fc0cd3adaa1d0b368547d6a1d0, unchanged; CC BY 4.0, Ruiz et al., arXiv 2208.12242.

`data.real` has a section for each of `subjects`, `multiview` and `benchmark`, whose `kind` says
which other keys it has; `docs/data.md` says what each kind reads and where to get it. A file that
changes the kind of a section sets each key that the new kind does not have to `null`.

`variants` names further models. Each is `toffeenet` with some keys changed, trained on the same
data by the same rule. It adds a row to the table of what it changes.

**Models of a hub.** A source of `models.yaml` has `repo`, `revision`, `licence`, `files`
(patterns of json, txt and safetensors), and if needed `subfolder`, `mirrors`, `folder`,
`alternatives`, `torch`, `keys`, `json_files` and `note`.
- `alternatives` are other forms of the same weights, each with the keys of a source: another
  repository, the hub's conversion (`revision: refs/pr/1`), torch's file. The next one is tried
  where a repository is gone or lacks a file, with a warning; a gate or a lost network stops the
  run. The lock keeps which one was taken, and another machine takes that one alone.
- `folder` is a copy of the files on this machine. Where it is there it comes first, and nothing is
  asked of the hub; its bytes must be the locked ones.
- `torch: true` takes weights that torch saved (`pytorch_model.bin`). They are read as weights only,
  in a process without network that may start no program, and written as safetensors; the lock has
  the digests of both. Without it a pickle is never fetched.
- `keys: timm_vit` turns timm's names of a vision transformer into those of transformers;
  `json_files` gives files that such a repository lacks. Weights in several parts are taken where
  `files` names the whole.
- The first download writes each file's SHA-256 and size to `models.lock.yaml` (`models.lock`);
  commit it. From then on other bytes are refused with a line that names the file, the digest
  found and the one expected. Another `revision` reruns that role and what follows from it, and so
  does an edited list of files or alternatives; the lock, its path, mirrors and folders rerun
  nothing.
- A `revision` is a commit of 40 digits. A branch, a tag or a short commit (in quotes if it looks
  like a number), or no revision, is looked up once and locked with a warning; a later change of the
  branch has no effect.
- `mirrors` are used, in their order, only if the repository or its commit is gone. A mirror must
  have exactly the locked bytes; if it does not, or fails, the next one is tried. If nothing is
  locked yet, a mirror is accepted and locked, with a warning that nothing could be compared. This
  is the case today for SD 2.1-base on a machine that never had it.
- For a gated repository the run stops and names the page where its licence is accepted; no mirror
  is used. Set `HF_TOKEN` after that. `HF_ENDPOINT` names another hub, `HF_HOME` the folder of its
  cache and token. Files in the cache are copied, not downloaded; with `HF_HUB_OFFLINE=1` the cache
  must have all files of a model.
- A killed download continues from `results/<scale>/models/<role>.partial`. Cut connections and a
  busy hub (429, 503) are tried again.

Numbers are this project's choices unless a comment in the file says that they are the paper's. "="
means: as at the tiny scale. This page and `workflow/schemas/config.schema.json` are
written by `make docs`.
"""


def schema_text() -> str:
    """The JSON schema of the configuration."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def readme_text() -> str:
    """The reference: one table per section, one line per key."""
    schema = Config.model_json_schema()
    tiny = scale_values("tiny")
    others = {name: scale_values(name) for name in SCALES if name != "tiny"}
    lines = [INTRODUCTION]
    section = None
    for key, entry, parent in leaves(schema, schema):
        if parent != section:
            section = parent
            title = section or "run"
            lines.append(f"\n## {title}\n| key | meaning | takes | tiny | small | paper |")
            lines.append("|---|---|---|---|---|---|")
        if not holds(tiny, key, section):
            shown = [
                cell(lookup(v, key)) if holds(v, key, section) else "" for v in others.values()
            ]
            lines.append(
                f"| `{key}` | {entry['description']} | {takes(entry)} |  | {' | '.join(shown)} |"
            )
            continue
        base = lookup(tiny, key)
        shown = [cell(base)]
        for values in others.values():
            value = lookup(values, key, base)
            shown.append("=" if value == base else cell(value))
        lines.append(f"| `{key}` | {entry['description']} | {takes(entry)} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def holds(values: dict[str, Any], key: str, section: str) -> bool:
    """Whether a scale's section is of the kind that the reference tells of here."""
    above, _, kind = section.partition(KIND)
    return not kind or lookup(values, f"{above}.kind") == kind


def scale_values(name: str) -> dict[str, Any]:
    """What stands in a scale's own file."""
    path = PROJECT / "config" / SCALES[name]
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def leaves(
    schema: dict[str, Any], node: dict[str, Any], prefix: str = "", parent: str = ""
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every key that holds a value: its dotted name, its schema and its section (with its kind)."""
    nested = []
    for name, entry in node["properties"].items():
        refs = [one["$ref"] for one in (entry, *kinds_of(entry)) if "$ref" in one]
        for ref in refs:
            nested.append((name, schema["$defs"][ref.rpartition("/")[2]]))
        if not refs:
            yield prefix + name, entry, parent
    for name, section in nested:
        kind = section["properties"].get("kind", {}).get("const")
        title = f"{prefix}{name}{KIND}{kind}" if kind else f"{prefix}{name}"
        yield from leaves(schema, section, f"{prefix}{name}.", title)


def kinds_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The sections that an entry may be, each of another kind."""
    return [kind for one in entry.get("anyOf", []) for kind in one.get("oneOf", [])]


def lookup(values: dict[str, Any], key: str, default: Any = None) -> Any:
    """The value of a dotted key, or the default."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return default
        values = values[part]
    return values


def cell(value: Any) -> str:
    """A value as YAML prints it."""
    return "none" if value is None else f"`{json.dumps(value)}`".replace('"', "")


def takes(entry: dict[str, Any]) -> str:
    """Type and range of a key."""
    if "anyOf" in entry:
        return " or ".join(
            "none" if one["type"] == "null" else takes(one) for one in entry["anyOf"]
        )
    if entry.get("type") == "array":
        return f"list of {takes(entry['items'])}"
    if entry.get("type") == "object":
        (values,) = entry["patternProperties"].values()
        return "name: text" if "type" in values else "name: changed keys of `toffeenet`"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    kind = {"integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        entry["type"], "text"
    )
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
        "multipleOf": "multiple of {}",
    }
    limits = [text.format(entry[name]) for name, text in words.items() if name in entry]
    return ", ".join([kind, " ".join(limits)] if limits else [kind])


def write_reference() -> None:
    """Write both files."""
    write_text(SCHEMA, schema_text())
    write_text(README, readme_text())
