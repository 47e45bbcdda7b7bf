"""The run's configuration: typed, closed, and checked before any rule runs.

`sections` holds one model a section of `config/config.yaml`, `models` the catalogue of base models
(`config/models.yaml`), `load` turns whatever is wrong into one line, `reference` writes the JSON
schema and `config/README.md` from the models (`python -m toffee.config`).
"""

from toffee.config.catalogue import load_catalogue
from toffee.config.load import load_config
from toffee.config.models import ROLES, HubSource, ZooSource
from toffee.config.sections import Config

__all__ = ["ROLES", "Config", "HubSource", "ZooSource", "load_catalogue", "load_config"]
