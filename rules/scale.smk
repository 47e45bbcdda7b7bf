"""The scale that `--config scale=NAME` asks for, or the config that another workflow gives this module.

Needs config/config.yaml read. Gives `config` with that scale's file laid over it. A section of another
kind replaces the one below it.
"""

from copy import deepcopy

from toffee.launch.layers import lay_under, read_nulls, replace_kinds
from toffee.launch.targets import scale_file, scales

# A module with a `config:` of its own reads no configfile, neither ours nor one of the command line.
OWN_CONFIG = workflow.modifier.skip_configfile
GIVEN = deepcopy(config if OWN_CONFIG else workflow.config_settings.config)
GIVEN_FILES = [] if OWN_CONFIG else workflow.config_settings.configfiles
BASE_FILE = os.path.join(REPOSITORY, "config", "config.yaml")
SCALES = os.path.dirname(BASE_FILE)
# The other workflow's values may have a scale's name of their own, as a configfile's may.
OWN_NAME = OWN_CONFIG and GIVEN.get("scale") not in scales(SCALES)
SCALE_FILE = None if OWN_NAME else scale_file(SCALES, GIVEN, GIVEN_FILES)
LAYERS = [BASE_FILE, *filter(None, [SCALE_FILE])]

if OWN_CONFIG:
    lay_under(config, LAYERS)
elif SCALE_FILE:

    configfile: SCALE_FILE


if not OWN_CONFIG:
    read_nulls(config, GIVEN)
replace_kinds(config, [*LAYERS, *GIVEN_FILES], GIVEN)
