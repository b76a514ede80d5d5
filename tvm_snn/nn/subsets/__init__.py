"""Subset policies: which binary kernels a sub-bit layer may use, one way a file.

A policy is made by `Policy(size, unit_shape, generator)`; `POLICIES` names the ways for the
command line and for tables.
"""

from collections.abc import Callable
from functools import partial

import torch

from ...errors import ModelError
from .codewords import CodewordSubset
from .frequent import FrequentSubset
from .full import FullSubset
from .negation_closed import NegationClosedSubset
from .policy import LearnedSubset, MovingSubset, SubsetPolicy, UnitShape
from .refined import RefinedSubset
from .sample import sample_subset
from .uniform import UniformSubset
from .vanilla import VanillaSubset

PolicyFactory = Callable[[int, UnitShape, torch.Generator | None], SubsetPolicy]

POLICIES: dict[str, PolicyFactory] = {
    "vanilla": VanillaSubset,
    "refined": RefinedSubset,
    "uniform": UniformSubset,
    "frequent": FrequentSubset,
    "frequent-10": partial(FrequentSubset, period=10),
    "negation-closed": NegationClosedSubset,
    "codewords": CodewordSubset,
}
"""Random and fixed; learned; the paper's baselines A, B and B-10; closed under negation; selected
from the codebook of all kernels."""


def policy_factory(policy: str | PolicyFactory) -> PolicyFactory:
    """The factory that a name in `POLICIES` stands for; a factory stands for itself.

    Raises ModelError for another name.
    """
    if not isinstance(policy, str):
        return policy
    if policy not in POLICIES:
        raise ModelError(f"there is no subset policy {policy!r}; use one of {', '.join(POLICIES)}")
    return POLICIES[policy]


__all__ = [
    "POLICIES",
    "CodewordSubset",
    "FrequentSubset",
    "FullSubset",
    "LearnedSubset",
    "MovingSubset",
    "NegationClosedSubset",
    "PolicyFactory",
    "RefinedSubset",
    "SubsetPolicy",
    "UniformSubset",
    "UnitShape",
    "VanillaSubset",
    "policy_factory",
    "sample_subset",
]
