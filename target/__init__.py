"""What the compiler knows of a machine: target descriptions, vector width, instructions."""

from .features import Features, features_of
from .parse_target import TargetLike, parse_target

__all__ = ["Features", "TargetLike", "features_of", "parse_target"]
