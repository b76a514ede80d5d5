"""What a board says of itself."""

from collections.abc import Callable
from typing import Any

from ..machine import Machine
from . import protocol
from .messages import decode, encode


def machine_of(answer: dict[str, Any]) -> Machine:
    """Return the machine in the answer to `protocol.DESCRIBE`."""
    data = answer["machine"]
    return Machine(**{**data, "extensions": tuple(data["extensions"])})


def ask_machine(function: Callable[[str], Any]) -> Machine | None:
    """Return what machine a server is, or None when it is TVM's own, which does not say.

    `function` returns a function of the server by its name.
    """
    try:
        describe = function(protocol.DESCRIBE)
    except (AttributeError, RuntimeError, ValueError):
        # How TVM says that a server has no such function.
        return None
    return machine_of(decode(describe(encode({})))[0])
