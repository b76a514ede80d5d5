"""Strategies: how each binary and sub-bit operator can be computed, and their schedules.

`choose` picks a strategy for a call, LEGALIZATIONS lowers operators to kernels, and
`schedule_primfunc` schedules everything that the graph's fusion makes of them.
"""

from .legalize import LEGALIZATIONS, legalize_call
from .rules import schedule_primfunc
from .strategy import STRATEGIES, Strategy, candidates, choose

__all__ = [
    "LEGALIZATIONS",
    "STRATEGIES",
    "Strategy",
    "candidates",
    "choose",
    "legalize_call",
    "schedule_primfunc",
]
