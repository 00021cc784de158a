"""The environment, read once at the door into one frozen tree.

An empty value counts as unset. Whatever is wrong is reported at once, one line for each fault. docs/configuration.md
is generated from here. Credentials and endpoints of AWS stay with the SDK's own variables.
"""

from worker.settings.loading import READ, RUN, SUBMIT, ConfigurationError, Fault, Need, load
from worker.settings.tree import VARIABLES, RedisSettings, Settings, Variable

__all__ = [
    "READ",
    "RUN",
    "SUBMIT",
    "VARIABLES",
    "ConfigurationError",
    "Fault",
    "Need",
    "RedisSettings",
    "Settings",
    "Variable",
    "load",
]
