"""Files that a run removed once its shards were scored: those of their stages.

Their records stay, with the digests of what was written and read. Snakemake removes the files
itself (its `temp()`), where config `synthesis.keep_stages` is false.
"""

from toffee.config.sections.synthesis import STAGES_FOLDER
from toffee.provenance.paths import CONFIGS
from toffee.provenance.results import Results
from toffee.runtime.errors import ToffeeError


def temporary(results: Results) -> set[str]:
    """Paths of stages' files, as records have them, of a run which keeps none: those that a job
    read, and those of a job that made its shard of them itself (config `synthesis.one_job`)."""
    names = {record.config for record in results.records.values()}
    keeping_none = {name for name in names if not _keeps_stages(results, name)}
    folder = f"{results.root}/{STAGES_FOLDER}/"
    found: set[str] = set()
    for record in results.records.values():
        if record.config in keeping_none:
            made = {path for path in record.outputs if path.startswith(folder)}
            found |= {path for path in record.inputs if path.startswith(folder)}
            found |= made if len(made) < len(record.outputs) else set()
    return found


def removed(results: Results) -> set[str]:
    """Those that are gone."""
    return {path for path in temporary(results) if not results.place(path).exists()}


def _keeps_stages(results: Results, config: str) -> bool:
    """What a kept configuration says; one that cannot be read excuses no missing file."""
    try:
        synthesis = results.kept(config, "a configuration", CONFIGS).get("synthesis")
    except ToffeeError:
        return True
    return not isinstance(synthesis, dict) or synthesis.get("keep_stages") is not False
