"""The settings: the environment, read once into one frozen tree.

An empty value counts as unset. All faults are reported together, one line each. docs/configuration.md is generated
from this package. Credentials and endpoints of AWS are left to the SDK's own variables.
"""

from worker.settings.faults import ConfigurationError, Fault
from worker.settings.loading import READ, RUN, SERVE, SUBMIT, Need, load, read_presets
from worker.settings.tree import VARIABLES, RedisSettings, Settings, Variable

__all__ = [
    "READ",
    "RUN",
    "SERVE",
    "SUBMIT",
    "VARIABLES",
    "ConfigurationError",
    "Fault",
    "Need",
    "RedisSettings",
    "Settings",
    "Variable",
    "load",
    "read_presets",
]
