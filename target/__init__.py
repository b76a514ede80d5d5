"""What the compiler knows of a machine: target descriptions, vector width, instructions."""

from importlib.util import find_spec

# A board without TVM needs nothing but vta.driver.
if find_spec("tvm") is not None:
    from .accelerators import split_accelerator
    from .boards import BOARDS
    from .extensions import (
        architecture_of,
        extensions_of,
        family_of,
        host_architecture,
        host_extensions,
        host_processor,
    )
    from .features import Features, features_of
    from .parse_target import TargetLike, parse_target

__all__ = [
    "BOARDS",
    "Features",
    "TargetLike",
    "architecture_of",
    "extensions_of",
    "family_of",
    "features_of",
    "host_architecture",
    "host_extensions",
    "host_processor",
    "parse_target",
    "split_accelerator",
]
