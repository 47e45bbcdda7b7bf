"""A user whom the system knows by number alone, as in many containers."""

import os
import pwd
from collections.abc import Mapping

NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""Where Python looks for a user's name before it asks the system."""


def name_and_home(environment: Mapping[str, str], home: str) -> dict[str, str]:
    """Variables that give such a user a name and a home: Snakemake asks for both, and ends with a
    traceback where there is none. Empty for all other users.

    Args:
        environment: the variables that are set.
        home: the folder that is the home where there is none.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        named = any(environment.get(name) for name in NAMES)
        found = {} if named else {NAMES[0]: str(os.getuid())}
        return found if environment.get("HOME") else found | {"HOME": home}
    return {}
