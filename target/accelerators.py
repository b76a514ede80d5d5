"""The accelerator that a target names beside its processor: `-accelerator=pynq-z2`."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tvm.target import Target

from .boards import ACCELERATORS, BOARDS
from .parse_target import TargetLike
from .vta.configuration import CONFIGURATIONS, Configuration, load_configuration

OPTION = "accelerator"
_WORD = re.compile(rf"(^|\s)-+{OPTION}=(\S+)")


def split_accelerator(target: TargetLike) -> tuple[TargetLike, Configuration | None]:
    """Return the processor's part of a target, and the accelerator that it names or None.

    A board with an accelerator ("pynq-z2") is both; the option `accelerator` of the command-line
    form, a dictionary or JSON adds one to any processor; the name of a configuration that is no
    board ("paper-64pe", "tiny") stands for that accelerator, simulated, beside this machine. The
    value is a configuration's name or a JSON file's. Raises TargetError for an unknown one.
    """
    if isinstance(target, Target):
        return target, None
    if isinstance(target, Mapping):
        return _from_options(dict(target))
    if not isinstance(target, str):
        return target, None
    if target.lstrip().startswith("{"):
        try:
            options = json.loads(target)
        except ValueError:
            return target, None
        return _from_options(options) if isinstance(options, dict) else (target, None)
    found = _WORD.search(target)
    if found is not None:
        return _WORD.sub("", target).strip(), load_configuration(found[2])
    name = target.split(" ")[0]
    if name in ACCELERATORS:
        return target, load_configuration(ACCELERATORS[name])
    if name == target and name not in BOARDS and (CONFIGURATIONS / f"{name}.json").exists():
        return "host", load_configuration(name)
    return target, None


def _from_options(options: dict[str, Any]) -> tuple[TargetLike, Configuration | None]:
    name = options.pop(OPTION, None)
    return options, load_configuration(str(name)) if name is not None else None
