"""What a block of a kernel's instructions is for, known by instructions that only that part has."""

import re
from collections.abc import Callable, Sequence

from .steps import Block

ADDING = "adding responses up"
APART = "pixels apart, sums to 16 bits"
RESULTS = "results to floats"
CODES = "codes of patches"
PARITIES = "parities of patches"
RESPONSES = "making responses"
REST = "padding, words, addresses, calls"
PARTS = (ADDING, APART, RESULTS, CODES, PARITIES, RESPONSES, REST)

_REGISTER_BYTES = {"x": 16, "y": 32, "z": 64}
_LOOKUP = r"^vp(?:ermb|shufb)\s.*%([xyz])mm\d+$"
_GATHERS = {"b": 1, "w": 2, "s": 4}
"""Bytes of an element by the last letter of the instruction that adds it."""
_ADDS = r"^v(?:padd|addp)([bws])\s+-?\w*\(.*\), %([xyz])mm\d+, %[xyz]mm\d+$"
_STORE, _SUMMED = r"^v?mov\S+\s+%[xyz]mm\d+, -?\w*\(", 3


def part_of(block: Block, strategy: str) -> str:
    """Return which of PARTS a block of a kernel of a strategy belongs to: the first that fits."""
    return next(part for part, fits in _RULES[strategy] if fits(block.instructions))


def responses(instructions: Sequence[str], strategy: str) -> int:
    """Return the responses that a block adds up, for each unit, output and pixel one."""
    count = _looked_up if strategy == "subset_lookup" else _gathered
    return count(instructions)


def _looked_up(loop: Sequence[str]) -> int:
    found = [match for line in loop if (match := re.search(_LOOKUP, line))]
    permutes = any("vpermb" in match.string for match in found)
    # What shuffles of a single unit find is added by plain additions only, and not counted.
    addition = r"vpadd(us)?b\s" if permutes else r"vpaddusb\s"
    if not found or not any(re.match(addition, line) for line in loop):
        return 0
    size = _REGISTER_BYTES[found[0][1]]
    # Of two shuffles for one response, one gives 0; entries of two pixels are put together by one.
    steps = 1 if permutes else 2
    shared = any(line.startswith(("vpternlog", "vpor")) for line in loop)
    return len(found) // steps * size * (2 if shared else 1)


def _gathered(loop: Sequence[str]) -> int:
    """Return the responses that a loop adds from memory.

    Loops that make responses add from memory, too, but store each sum of three.
    """
    found = [match for line in loop if (match := re.search(_ADDS, line))]
    if len(found) <= _SUMMED * sum(bool(re.search(_STORE, line)) for line in loop):
        return 0
    return sum(_REGISTER_BYTES[match[2]] // _GATHERS[match[1]] for match in found)


def _has(*patterns: str) -> Callable[[Sequence[str]], bool]:
    """Return a test whether, for each pattern, some instruction begins with it."""

    def test(instructions: Sequence[str]) -> bool:
        return all(any(re.match(p, line) for line in instructions) for p in patterns)

    return test


def _looks_up(instructions: Sequence[str]) -> bool:
    # A run of one unit adds nothing to what it finds; the tables are read at codes.
    table = _has(r"vp(ermb %|shufb -?\w*\(.*\), %ymm)", r"movzwl|movl")
    return _looked_up(instructions) > 0 or table(instructions)


_ALL = (REST, lambda _: True)
_FLOATS = (RESULTS, _has(r"vcvtdq2ps|vmulps"))
_RULES: dict[str, tuple[tuple[str, Callable[[Sequence[str]], bool]], ...]] = {
    "subset_lookup": (
        _FLOATS,
        (ADDING, _looks_up),
        (PARITIES, _has(r"vpopcnt|popcnt|vpsadbw")),
        (RESULTS, _has(r"vpsubw", r"vpbroadcastw")),
        (CODES, _has(r"vgf2p8affineqb|vpcmpeqb", r"vpunpck")),
        (APART, _has(r"vps[lr]lw \$0x[48]|vgf2p8affineqb")),
        (APART, _has(r"(vpaddw|vmovdq\S+) .*[yz]mm\d+, (-?\w*\(|%[yz]mm\d+, %)", r"(cmp|j|mov)")),
        _ALL,
    ),
    "subset_gather": (
        (ADDING, lambda block: _gathered(block) > 0),
        _FLOATS,
        (RESPONSES, _has(r"v(padd|psub|addp|subp)[bws]")),
        _ALL,
    ),
}
