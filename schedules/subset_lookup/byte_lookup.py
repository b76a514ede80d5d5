"""Instructions that look bytes up in a register: what a target has, and how to call it.

x86 has two. `vpermb` (AVX-512 VBMI) picks any of the 64 bytes of a register. `vpshufb` (SSSE3,
AVX2, AVX-512) picks any of the 16 bytes of the same 128-bit lane, and gives 0 where bit 7 of the
index is set: a table of more entries takes one shuffle for each 16 of them, of which all but one
give 0.
"""

from dataclasses import dataclass

from tvm.ir import Expr
from tvm.script import tirx as T

from ...target import Features
from ..neon import Neon, neon_of

LANE_BYTES = 16
_SHUFFLES = {
    16: "llvm.x86.ssse3.pshuf.b.128",
    32: "llvm.x86.avx2.pshuf.b",
    64: "llvm.x86.avx512.pshuf.b.512",
}
_MOST_SHUFFLES = 2
"""More shuffles for one response are slower than every other strategy."""
NOWHERE = 0x80
"""Index at which a shuffle gives 0."""
NIBBLE_BITS = 4
"""Bits of a byte that one of two pixels has."""


@dataclass(frozen=True)
class ByteLookup:
    """How a target looks up the bytes of one register in another."""

    vector_bytes: int
    """Bytes looked up at once."""
    entries: int
    """Bytes that one instruction chooses from."""
    most_entries: int
    """Largest table, all instructions for it together."""
    instruction: str
    """LLVM's name of the intrinsic."""
    registers: int
    """Vector registers of the target."""
    most_response: int = 255
    """Largest response of a unit."""
    bit_matrices: bool = False
    """Whether one instruction transposes eight matrices of 8x8 bits."""
    plain_additions: bool = False
    """Whether additions that do not saturate are faster."""
    split: bool = False
    """Whether registers are worked off in halves."""
    neon: Neon | None = None
    """ARM's instructions, which look bytes up for two pixels at once (see `neon_core`)."""

    @property
    def vector(self) -> str:
        """Type of a register of bytes."""
        return f"uint8x{self.vector_bytes}"

    def steps(self, entries: int) -> int:
        """Return the instructions that a table of so many entries takes."""
        return -(-entries // self.entries)

    def row_bytes(self, entries: int) -> int:
        """Return the bytes of a table: what loads can repeat over a whole register."""
        if self.repeats:
            return self.steps(entries) * LANE_BYTES
        return next(size for size in (16, 32, 64) if entries <= size)

    def swaps(self, entries: int) -> bool:
        """Return whether a register has both halves of a table side by side, 128 bits each.

        What combines rows then does so for both at once. For the second instruction the halves
        trade places, so that each 128 bits of outputs have seen both.
        """
        wide = self.repeats and self.vector_bytes > LANE_BYTES
        return wide and self.steps(entries) == 2

    def swap(self, halves: Expr) -> Expr:
        """Return a register whose neighbouring 128 bits have traded places."""
        places = range(self.vector_bytes)
        return T.Shuffle([halves], [place ^ LANE_BYTES for place in places])

    def index(self, entry: Expr, entries: int, step: Expr, lane: Expr) -> Expr:
        """Return the index byte of an instruction at a lane, for the entry that is wanted.

        It is uint8; of a table of so many `entries`, the instruction is number `step`.
        """
        if not self.repeats:
            return entry
        low = entry & T.uint8(LANE_BYTES - 1)
        part = (step + lane // LANE_BYTES) % 2 if self.swaps(entries) else step
        return T.Select(T.Cast("int32", entry) // LANE_BYTES == part, low, T.uint8(NOWHERE))

    def look_up(self, table: Expr, indices: Expr) -> Expr:
        """Return the bytes of a register of one table (or of its repetitions) at the indices."""
        return T.call_llvm_pure_intrin(self.vector, self.instruction, table, indices)

    def add(self, left: Expr, right: Expr) -> Expr:
        """Return the sum of two registers of bytes that does not overflow.

        Saturating additions stay off the port of Intel's processors that looks bytes up; on AMD's,
        plain ones find a free port more often.
        """
        if self.plain_additions:
            return left + right
        name = f"llvm.uadd.sat.v{self.vector_bytes}i8"
        return T.call_llvm_pure_intrin(self.vector, name, left, right)

    @property
    def shared_factor(self) -> int:
        """What entries are multiplied by for `share`: whatever makes that fewest instructions."""
        shifts = self.repeats or self.neon is not None
        return 1 if shifts else 1 + (1 << NIBBLE_BITS)

    @property
    def shared_instructions(self) -> int:
        """Instructions of `share`."""
        return 2 if self.repeats else 1

    @property
    def shifts_words(self) -> bool:
        """Whether no instruction shifts bytes: a word's shift moves bits from one to the other."""
        return self.neon is None and not self.bit_matrices

    def upper(self, shared: Expr) -> Expr:
        """Return the upper halves of bytes, shifted down.

        Where the target shifts words, even bytes have the next byte's lower half above that.
        """
        if not self.shifts_words:
            return shared >> T.broadcast(T.uint8(NIBBLE_BITS), self.vector_bytes)
        half = self.vector_bytes // 2
        words = T.reinterpret(f"uint16x{half}", shared) >> T.broadcast(T.uint16(NIBBLE_BITS), half)
        return T.reinterpret(self.vector, words)

    @property
    def ports(self) -> float:
        """Instructions of which a processor works in a cycle, where half of them are lookups.

        Those with 256-bit registers look bytes up on one of three ports, or on two.
        """
        return 2.0 if self.vector_bytes == 64 else 2.35

    def share(self, first: Expr, second: Expr, size: int) -> Expr:
        """Return entries of two tables in one: the second's are in the upper half of a byte.

        They are registers, or the first `size` bytes of one.
        """
        if self.repeats:
            words = T.reinterpret(f"uint16x{self.vector_bytes // 2}", second)
            shift = T.broadcast(T.uint16(NIBBLE_BITS), self.vector_bytes // 2)
            return first | T.reinterpret(self.vector, words << shift)
        # AVX-512 has one instruction for all of this.
        lower, upper = (T.broadcast(T.uint8(bits), size) for bits in (0x0F, 0xF0))
        return (first & lower) | (second & upper)

    @property
    def repeats(self) -> bool:
        """Whether a table is repeated over its register, rather than at its start."""
        return self.entries == LANE_BYTES

    def repeated(self, part: Expr, size: int) -> Expr:
        """Return a register of repetitions of a table of `size` bytes."""
        repetitions = self.vector_bytes // size
        return T.Shuffle([part] * repetitions, list(range(self.vector_bytes)))

    def filled(self, part: Expr, size: int) -> Expr:
        """Return a register that starts with a table of `size` bytes."""
        rest = [T.broadcast(T.uint8(0), size)] * (self.vector_bytes // size - 1)
        return T.Shuffle([part, *rest], list(range(self.vector_bytes)))


def constants(values: list[int]) -> Expr:
    """Return bytes as a register."""
    return T.Shuffle([T.uint8(value) for value in values], list(range(len(values))))


def byte_lookup(features: Features) -> ByteLookup | None:
    """Return the target's way to look up bytes, or None when it has none."""
    neon = neon_of(features)
    if neon is not None:
        return ByteLookup(16, 32, 32, "tbl", neon.registers, most_response=15, neon=neon)
    if features.byte_permute:
        instruction = "llvm.x86.avx512.permvar.qi.512"
        return ByteLookup(
            64,
            64,
            64,
            instruction,
            32,
            bit_matrices=features.bit_matrices,
            plain_additions=features.amd,
            split=features.split_vectors,
        )
    if features.byte_shuffle:
        size = features.vector_bytes
        most = _MOST_SHUFFLES * LANE_BYTES
        registers = 32 if size == 64 else 16
        return ByteLookup(
            size, LANE_BYTES, most, _SHUFFLES[size], registers, plain_additions=features.amd
        )
    return None
