"""What instructions of lookups take beside one another, on this machine.

Processors share units out in ways that llvm-mca's models do not have: the third port of Sapphire
Rapids for vectors up to 256 bits takes none beside those of 512, and Zen 4's units for saturating
additions are partly those for permutations.
"""

from dataclasses import dataclass

from ..clock import clock_hertz
from .model import modelled
from .replay import replay
from .steps import Block

_REPEATS = 40


@dataclass(frozen=True)
class Mixture:
    """Instructions none of which waits for another."""

    what: str
    model: float
    """Cycles by llvm-mca."""
    alone: float
    """Cycles on this machine."""


def mixtures() -> list[Mixture]:
    """Time permutations of 512 bits with additions of both kinds, and with some of 256 bits.

    Takes a processor with AVX-512 VBMI.
    """
    saturating, plain = (_looking_up(addition) for addition in ("vpaddusb", "vpaddb"))
    narrow = [f"vpaddb %ymm24, %ymm25, %ymm{26 + at}" for at in range(4)]
    return [
        _mixture("8 permutations, 8 saturating additions, of 512 bits", saturating),
        _mixture("8 permutations, 8 plain additions, of 512 bits", plain),
        _mixture("the first of these, and 4 additions of 256 bits", [*saturating, *narrow]),
    ]


def _looking_up(addition: str) -> list[str]:
    lines: list[str] = []
    for at in range(8):
        lines += [
            f"vpermb %zmm{16 + at % 4}, %zmm20, %zmm{at}",
            f"{addition} %zmm{at}, %zmm{8 + at}, %zmm{8 + at}",
        ]
    return lines


def _mixture(what: str, instructions: list[str]) -> Mixture:
    block = Block(tuple(instructions), 1, True)
    run = replay(block)
    alone = min(run() for _ in range(_REPEATS)) * clock_hertz()
    return Mixture(what, modelled([block])[0].cycles, alone)
