"""The scale that `--config scale=NAME` asks for.

Needs config/config.yaml read. Gives `config` with that scale's file laid over it. A section of another
kind replaces the one below it.
"""

from toffee.launch.layers import replace_kinds
from toffee.launch.targets import scale_file

SCALE_FILE = scale_file(
    os.path.join(workflow.basedir, "config"),
    workflow.config_settings.config,
    workflow.config_settings.configfiles,
)


if SCALE_FILE:

    configfile: SCALE_FILE


replace_kinds(
    config,
    [
        os.path.join(workflow.basedir, "config", "config.yaml"),
        *filter(None, [SCALE_FILE]),
        *workflow.config_settings.configfiles,
    ],
    workflow.config_settings.config,
)
