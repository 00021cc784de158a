"""The files that a converter may use, by Landlock: https://docs.kernel.org/userspace-api/landlock.html."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from stat import S_ISDIR

from worker.adapters.sandbox.kernel import IS_LINUX, system_call

# The same numbers on all machines.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
# How many of the rights to files each version of the interface knows; each came with a higher bit.
_FILE_RIGHTS_OF = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_SINCE, _NETWORK = 4, 0b11  # bind and connect of TCP
_SCOPES_SINCE, _SCOPES = 6, 0b11  # abstract Unix sockets and signals


def kernel_abi() -> int:
    """The version of Landlock that the kernel has; 0 for none."""
    if not IS_LINUX:
        return 0
    try:
        return system_call(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError:  # not compiled in, switched off at boot, or refused by the container's own filter
        return 0


def ruleset(abi: int, executables: Iterable[str], readable: Iterable[str]) -> int:
    """The descriptor of rules that allow nothing but to execute and read `executables`, and to read `readable`.

    These may be directories, for all that is in them. A path that is not there is left out. Raises OSError.
    """
    rights = (1 << _FILE_RIGHTS_OF[min(abi, max(_FILE_RIGHTS_OF))]) - 1
    network = _NETWORK if abi >= _NETWORK_SINCE else 0
    scopes = _SCOPES if abi >= _SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", rights, network, scopes)  # an older kernel takes zeros behind what it knows
    rules = system_call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in executables:
            _allow(rules, path, _EXECUTE | _READ_FILE)
        for path in readable:
            _allow(rules, path, _READ_FILE)
    except BaseException:
        os.close(rules)
        raise
    return rules


def restrict(rules: int) -> None:
    """Put this process under the rules, for good. Raises OSError. It needs `gain_no_privileges`."""
    system_call(_RESTRICT_SELF, rules, 0)


def _allow(rules: int, path: str, rights: int) -> None:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            if S_ISDIR(os.fstat(descriptor).st_mode):
                rights |= _READ_DIR
            attributes = struct.pack("=Qi", rights, descriptor)
            system_call(_ADD_RULE, rules, _RULE_PATH_BENEATH, attributes, 0)
        finally:
            os.close(descriptor)
