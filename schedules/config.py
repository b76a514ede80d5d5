"""The configuration of a call: which value each knob of its strategy has.

A strategy's knobs (tile sizes, blocks of outputs, chunks) are named and listed by its `space`; a
tuning record holds a value for each. The attribute `config` of a call carries them to the
strategy. A knob that is not there has the strategy's own default for the shape.
"""

from collections.abc import Mapping

from tvm import relax

from ..tvm_api import attrs_dict, make_attrs

CONFIG = "config"
"""Attribute of a call: a dictionary of ints, or not there at all."""


def config_of(call: relax.Call) -> dict[str, int]:
    """Return the values of a call's knobs by name; empty where nothing was tuned."""
    return {str(knob): int(value) for knob, value in attrs_dict(call).get(CONFIG, {}).items()}


def with_config(call: relax.Call, config: Mapping[str, int]) -> relax.Call:
    """Return the call with these values of its knobs, and no others."""
    attrs = {name: value for name, value in attrs_dict(call).items() if name != CONFIG}
    if config:
        attrs[CONFIG] = {knob: int(value) for knob, value in config.items()}
    return relax.Call(call.op, call.args, make_attrs(**attrs))
