"""Where things are: files of the repository, photographs, models, stages, tables, logs.

Needs `CONFIG` and the names of rules/common.smk when a function is called. Nothing here makes a file.
"""

from toffee.config import ZooSource
from toffee.config.models import what_it_is
from toffee.config.sections.synthesis import STAGES_FOLDER
from toffee.launch.targets import tables_of
from toffee.runtime.files import file_digest
from toffee.download.model import manifest_files
from toffee.provenance.content import content_digest
from toffee.provenance.digests import tree_digest
from toffee.provenance.paths import canonical


def project(path):
    """Path of a file of the repository, seen from the working directory."""
    return os.path.relpath(os.path.join(REPOSITORY, path))


def project_files(folder, pattern):
    """Files of the repository below a folder, seen from the repository."""
    found = Path(REPOSITORY, folder).glob(pattern)
    return sorted(str(path.relative_to(REPOSITORY)) for path in found if path.is_file())


def project_input(path):
    """A file of the repository as an input. It is in no storage but here, and its time, which every
    checkout sets anew, does not count: a rule that reads it has `digest_of(path)` among its params.
    """
    return ancient(local(project(path)))


def digest_of_all(paths):
    """One digest of many files of the repository."""
    digests = {str(path): {"sha256": checked(file_digest, project(path))} for path in paths}
    return tree_digest(digests)


def digest_of(path):
    """Name and digest of a file of the repository, for the params of the rules that read it: its
    name does not tell where the repository lies, and comments in it do not count."""
    return {canonical(path): checked(content_digest, path)}


def data_root(name):
    """Folder of subjects, multiview, multiview_heldout or benchmark: the world's, a given one, or
    where a source is imported, drawn or downloaded to."""
    if CONFIG.data.is_world(name.removesuffix("_heldout")):
        return f"{RESULTS}/world/{name}"
    if name == "subjects" and CONFIG.data.real.kind(name) == "drawn":
        return f"{RESULTS}/data/drawn"
    return CONFIG.data.real.given(name) or f"{RESULTS}/data/{name}"


def model(role):
    """Folder of a base model or of one that a rule trains."""
    return f"{RESULTS}/models/{role}"


def detector():
    """Folder of the model that prompts the segmenter; none in a set whose segmenter knows words."""
    return model("detector") if "detector" in MODELS else []


def stage(name):
    """Path of one stage's file of a shard."""
    return f"{RESULTS}/{STAGES_FOLDER}/{name}/{{shard}}.h5"


def stage_output(name):
    """The same where it is made: Snakemake removes it once it is read, unless stages are kept."""
    return stage(name) if CONFIG.synthesis.keep_stages else temp(stage(name))


def first_shard(path):
    """A path of a shard's, of the first shard."""
    return path.format(shard=SHARDS[0])


def tables_in(rule_file):
    """Names of the tables that a rule file makes, in its order."""
    return tables_of(Path(REPOSITORY, "rules", rule_file))


def table_files(names):
    """Tables, as csv and as Markdown."""
    return [f"{RESULTS}/tables/{name}.{suffix}" for name in names for suffix in ("csv", "md")]


def figure_files(names):
    """Figures."""
    return [f"{RESULTS}/figures/{name}.png" for name in names]


def log_of(rule):
    """Path of a rule's log."""
    return f"{RESULTS}/logs/{rule}.log"


def benchmark_of(rule):
    """Path of a rule's benchmark: seconds, memory and load of its last run."""
    return f"{RESULTS}/benchmarks/{rule}.tsv"


def zoo_files(role):
    """The zoo's record of a role's files; empty for a model that comes from elsewhere."""
    source = MODELS[role]
    return checked(manifest_files, Path(ZOO), source.zoo) if isinstance(source, ZooSource) else {}


def zoo_paths(wildcards):
    """The zoo's files of a role; none for a model that comes from elsewhere."""
    files = zoo_files(wildcards.role)
    return [local(os.path.join(ZOO, MODELS[wildcards.role].zoo, name)) for name in files]


def source_of(role):
    """What makes a base model what it is. Mirrors, folders and the lock's path do not: the script takes
    them from the configuration, and another one reruns nothing."""
    return what_it_is(MODELS[role])


def item(path, kind):
    """An output that Snakemake's report shows, with the caption of its name if there is one."""
    name = f"workflow/report/{kind}_{Path(path).stem}.rst"
    caption = f"../{name}" if os.path.exists(project(name)) else None
    return report(path, caption=caption, category=f"{kind}s".capitalize())
