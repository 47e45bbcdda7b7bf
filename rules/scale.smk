"""The scale that `--config scale=NAME` asks for.

Needs config/config.yaml read. Gives `config` with that scale's file laid over it.
"""

from toffee.launch.targets import scale_file

SCALE_FILE = scale_file(
    os.path.join(workflow.basedir, "config"),
    workflow.config_settings.config,
    workflow.config_settings.configfiles,
)


if SCALE_FILE:

    configfile: SCALE_FILE
