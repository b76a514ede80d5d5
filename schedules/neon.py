"""NEON instructions that TVM has no operator for, on 64-bit and on 32-bit ARM.

On 32-bit ARM some of them exist for halves of a register only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from ..target import Features

VECTOR_BYTES = 16


@dataclass(frozen=True)
class Neon:
    """The vector instructions of one ARM architecture."""

    wide: bool
    """Whether it is aarch64: 32 registers, and every instruction for whole ones."""

    recent: bool = False
    """Whether it is a processor like the Cortex-A76, with whole registers' width everywhere."""
    in_order: bool = False
    """Whether it starts instructions in the program's order, as the Cortex-A53 does."""

    @property
    def registers(self) -> int:
        """Vector registers of 128 bits."""
        return 32 if self.wide else 16

    @property
    def counts_instructions(self) -> bool:
        """Whether estimates are counts of instructions, of which vectors' take a cycle each.

        Those of 32-bit processors work so, and of 64-bit ones those in order; LLVM has a model of
        the latter alone (the Cortex-A53), to which all of these prices are fitted that differ.
        """
        return self.in_order or not self.wide

    def lookup_instructions(self, registers: int) -> int:
        """Return what a lookup in so many registers takes: a processor's own instructions.

        On recent processors that is what whole loops take more with two.
        """
        if not self.wide:
            return 2
        if self.in_order:
            return 1
        return registers if self.recent else 2 * registers + 1

    @property
    def few_parts(self) -> bool:
        """Whether sums of floats are limited by how many parts of instructions start in a cycle.

        So it is in LLVM's model of the Cortex-A72: three start, and an addition of four floats has
        two parts, a store of two registers five (`stp`) or four (`st1`).
        """
        return self.wide and not self.recent and not self.in_order

    def store_together(self, place: Expr, values: Sequence[Expr]) -> Expr:
        """Return the call that stores two or four registers of float32, one after the other."""
        name = f"llvm.aarch64.neon.st1x{len(values)}.v4f32.p0"
        return T.call_llvm_intrin("void", name, *values, place)

    def add_neighbours(self, value: Expr, bits: int) -> Expr:
        """Return the sums of neighbouring lanes of `bits` bits, unsigned, twice as wide."""
        lanes = VECTOR_BYTES * 8 // bits
        name = "llvm.aarch64.neon.uaddlp" if self.wide else "llvm.arm.neon.vpaddlu"
        name = f"{name}.v{lanes // 2}i{2 * bits}.v{lanes}i{bits}"
        return T.call_llvm_pure_intrin(f"uint{2 * bits}x{lanes // 2}", name, value)

    def join_neighbours(self, first: Expr, second: Expr, bits: int) -> Expr:
        """Return the sums of neighbouring lanes, of one register and then of another."""
        lanes = VECTOR_BYTES * 8 // bits
        if self.wide:
            name = f"llvm.aarch64.neon.addp.v{lanes}i{bits}"
            return T.call_llvm_pure_intrin(f"uint{bits}x{lanes}", name, first, second)
        half = lanes // 2
        name = f"llvm.arm.neon.vpadd.v{half}i{bits}"
        sums = [
            T.call_llvm_pure_intrin(
                f"uint{bits}x{half}", name, _half(value, lanes, 0), _half(value, lanes, 1)
            )
            for value in (first, second)
        ]
        return T.Shuffle(sums, list(range(lanes)))

    def look_up(self, tables: list[Expr], indices: Expr) -> Expr:
        """Return bytes of one or two registers of a table; an index past them gives 0."""
        if self.wide:
            name = f"llvm.aarch64.neon.tbl{len(tables)}.v16i8"
            return T.call_llvm_pure_intrin("uint8x16", name, *tables, indices)
        parts = [_half(table, 16, at) for table in tables for at in (0, 1)]
        name = f"llvm.arm.neon.vtbl{len(parts)}"
        found = [
            T.call_llvm_pure_intrin("uint8x8", name, *parts, _half(indices, 16, at))
            for at in (0, 1)
        ]
        return T.Shuffle(found, list(range(16)))

    def put_above(self, low: Expr, high: Expr, at: int, bits: int = 8) -> Expr:
        """Return lanes of `bits` bits: the lowest `at` bits of `low`, and `high` above them."""
        lanes = VECTOR_BYTES * 8 // bits
        dtype, types = f"uint{bits}x{lanes}", f"v{lanes}i{bits}"
        if self.wide:
            name, distance = f"llvm.aarch64.neon.vsli.{types}", T.int32(at)
        else:
            name, distance = "llvm.arm.neon.vshiftins." + types, _constant(at, bits, lanes)
        return T.call_llvm_pure_intrin(dtype, name, low, high, distance)

    def put_below(self, high: Expr, low: Expr, bits: int) -> Expr:
        """Return bytes of `high` whose lowest `bits` bits are the highest ones of `low` instead."""
        at = 8 - bits
        if self.wide:
            name, distance = "llvm.aarch64.neon.vsri.v16i8", T.int32(at)
        else:
            name, distance = "llvm.arm.neon.vshiftins.v16i8", _constant(-at, 8, VECTOR_BYTES)
        return T.call_llvm_pure_intrin("uint8x16", name, high, low, distance)


def neon_of(features: Features) -> Neon | None:
    """Return the NEON instructions of a target, or None when it has none."""
    if not features.neon:
        return None
    wide = features.architecture.startswith("aarch64")
    recent = features.dotprod and not features.in_order
    return Neon(wide, recent, features.in_order)


def _constant(value: int, bits: int, lanes: int) -> Expr:
    return T.broadcast(tirx.const(value, f"int{bits}"), lanes)


def _half(value: Expr, lanes: int, which: int) -> Expr:
    half = lanes // 2
    return T.Shuffle([value], list(range(which * half, which * half + half)))
