"""A block of pixels in `subset_gather`: responses of a chunk of units, the gather, the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from tvm import tirx
from tvm.ir import Expr
from tvm.script import tirx as T

from .sizes import GatherSizes
from .transpose import SCRATCH, SQUARE, transpose_square


@dataclass(frozen=True)
class Work:
    """Buffers of a job."""

    registers: tirx.Buffer
    sums: tirx.Buffer
    table: tirx.Buffer
    totals: tirx.Buffer
    results: tirx.Buffer
    """The totals, or what those of all stretches are added to."""
    scratch: tirx.Buffer


@dataclass(frozen=True)
class GatherBlock:
    """Writes, into the TVMScript function being made, what computes a block of pixels."""

    sizes: GatherSizes

    def allocate(self) -> Work:
        """Allocate, in the block that is being written, what a job needs."""
        sizes, lanes, response = self.sizes, self.sizes.lanes, self.sizes.elements.response
        shape = sizes.span, sizes.vectors, lanes
        totals = T.sblock_alloc_buffer(shape, sizes.total)
        several = sizes.stretches > 1
        return Work(
            T.sblock_alloc_buffer((*sizes.responses.registers, lanes), response),
            T.sblock_alloc_buffer((sizes.responses.stored * sizes.block,), response),
            T.sblock_alloc_buffer((sizes.chunk * sizes.table,), response),
            totals,
            T.sblock_alloc_buffer(shape, sizes.result) if several else totals,
            T.sblock_alloc_buffer(SCRATCH, sizes.result),
        )

    def add_up(
        self,
        operands: tuple[tirx.Buffer, ...],
        work: Work,
        at: tuple[Expr, Expr, Expr, Expr],
        channel: Expr,
        vectors: int,
    ) -> None:
        """Write what computes the results of `vectors` vectors of pixels.

        `operands` are planes, picks and pieces; `at` is the image in the planes, the group, the
        part of its outputs, and the first pixel; `channel` the group's first in the planes.
        """
        (planes, picks, pieces), (n, group, split, q) = operands, at
        sizes, span = self.sizes, self.sizes.span

        def add_chunks(first: Expr | int, chunks: Expr | int) -> None:
            self._clear(work.totals, vectors)
            with T.serial(chunks) as number:
                ch = first + number
                with T.serial(sizes.chunk) as u:
                    self._respond(
                        (planes, pieces, work.registers, work.sums, work.table),
                        n,
                        channel + (ch * sizes.chunk + u) * sizes.unit,
                        q,
                        u * sizes.table,
                        vectors,
                    )
                with T.serial(T.min(span, sizes.conv.outputs - split * span)) as o:
                    words = [
                        picks[group, ch, split * span + o, w] for w in range(sizes.picks.words)
                    ]
                    self._gather(work.table, work.totals, o, words, vectors)

        if sizes.stretches == 1:
            add_chunks(0, sizes.chunks)
            return
        self._clear(work.results, vectors)
        with T.serial(sizes.stretches) as stretch:
            first = stretch * sizes.stretch
            add_chunks(first, T.min(sizes.stretch, sizes.chunks - first))
            self._widen(work, vectors)

    def store_rows(
        self,
        work: Work,
        result: tirx.Buffer,
        first: Expr,
        place: Callable[..., list[Expr]],
        block: tuple[Expr, ...],
        vectors: int,
    ) -> None:
        """Write what stores results channels last, outputs from `first` on, square by square.

        `place(*block, pixel)` says where the pixels of a block go, which are stored in order.
        """
        lanes = self.sizes.lanes
        with (
            T.serial(vectors * lanes // SQUARE) as column,
            T.serial(self.sizes.span // SQUARE) as row,
        ):

            def load(o: int, px: int, count: int) -> Expr:
                at = column * SQUARE + px
                return work.results[row * SQUARE + o, at // lanes, T.ramp(at % lanes, 1, count)]

            def store(px: int, outputs: Expr) -> None:
                lane = T.ramp(first + row * SQUARE, 1, SQUARE)
                at = [*place(*block, column * SQUARE + px), lane]
                T.buffer_store(result, outputs, at)

            transpose_square(work.scratch, load, store)

    def _clear(self, sums: tirx.Buffer, vectors: int) -> None:
        """Write what sets sums of `vectors` vectors of pixels to zero."""
        lanes = self.sizes.lanes
        with T.serial(self.sizes.span) as o, T.unroll(vectors) as vector:
            zeros = T.broadcast(tirx.const(0, sums.dtype), lanes)
            T.buffer_store(sums, zeros, [o, vector, T.ramp(0, 1, lanes)])

    def _widen(self, work: Work, vectors: int) -> None:
        """Write what adds the totals of a stretch to the results."""
        lanes = self.sizes.lanes
        with T.serial(self.sizes.span) as o, T.unroll(vectors) as vector:
            at = o, vector, T.ramp(0, 1, lanes)
            wide = T.Cast(f"{self.sizes.result}x{lanes}", work.totals[at])
            T.buffer_store(work.results, work.results[at] + wide, [*at])

    def _respond(
        self,
        buffers: tuple[tirx.Buffer, ...],
        n: Expr,
        channel: Expr,
        q: Expr,
        first: Expr,
        vectors: int,
    ) -> None:
        """Write what computes a unit's responses to pixels from q on, as elements from `first` on.

        Those of a vector of pixels lie together. `buffers` are planes, pieces, registers, sums and
        responses.
        """
        planes, pieces, registers, sums, table = buffers
        conv, lanes, block = self.sizes.conv, self.sizes.lanes, self.sizes.block
        kernels, kw = self.sizes.responses.kernels, conv.kernel[1]

        neon = self.sizes.few_parts
        Store = Callable[[int, Sequence[Expr]], None]

        def vectors_of(v: Expr) -> tuple[Callable[[int], Expr], Store]:
            def load(t: int) -> Expr:
                tap = t % conv.taps // kw, t % kw
                at = channel + t // conv.taps
                data = self.sizes.planes.load_vector(planes, n, at, q + v * lanes, tap, lanes)
                return data.astype(f"{self.sizes.elements.response}x{lanes}")

            def store(k: int, responses: Sequence[Expr]) -> None:
                place = first + (v * kernels + k) * lanes
                if neon is not None and len(responses) == 2:
                    T.evaluate(neon.store_together(table.access_ptr("w", offset=place), responses))
                    return
                for number, response in enumerate(responses):
                    T.buffer_store(table, response, [T.ramp(place + number * lanes, 1, lanes)])

            return load, store

        if self.sizes.responses.known:
            with T.serial(vectors) as v:
                together = 1 if neon is None else 2
                self.sizes.responses.compute_known(registers, *vectors_of(v), together)
            return
        with T.serial(vectors) as v:
            load, _ = vectors_of(v)

            def store_sum(which: int, value: Expr) -> None:
                T.buffer_store(sums, value, [T.ramp(which * block + v * lanes, 1, lanes)])

            zero = T.broadcast(tirx.const(0, self.sizes.elements.response), lanes)
            self.sizes.responses.store_sums(load, store_sum, zero)
        with T.serial(self.sizes.responses.kernels) as k, T.unroll(vectors) as v:
            terms = [
                sums[T.ramp(T.Cast("int32", pieces[k, p]) + v * lanes, 1, lanes)]
                for p in range(self.sizes.responses.pieces)
            ]
            place = T.ramp(first + (v * kernels + k) * lanes, 1, lanes)
            T.buffer_store(table, reduce(add, terms), [place])

    def _gather(
        self,
        table: tirx.Buffer,
        totals: tirx.Buffer,
        o: Expr,
        words: Sequence[Expr],
        vectors: int,
    ) -> None:
        """Write what adds an output's picks, one of each unit of a chunk, to its totals."""
        lanes = self.sizes.lanes
        own = self.sizes.responses.kernels * lanes
        picks = self.sizes.picks.read([T.bind(word) for word in words], self.sizes.elements.bytes)
        values = []
        for v in range(vectors):
            place = [o, v, T.ramp(0, 1, lanes)]
            picked = [
                table[T.ramp(pick + (u * self.sizes.vectors + v) * own, 1, lanes)]
                for u, pick in enumerate(picks)
            ]
            if totals.dtype == table.dtype:
                value = reduce(add, picked, totals[tuple(place)])
            else:
                chunk = T.Cast(f"{totals.dtype}x{lanes}", reduce(add, picked))
                value = totals[tuple(place)] + chunk
            values.append(value)
        neon = self.sizes.few_parts
        if neon is not None and vectors in (2, 4):
            first = o * self.sizes.vectors * lanes
            T.evaluate(neon.store_together(totals.access_ptr("rw", offset=first), values))
            return
        for v, value in enumerate(values):
            T.buffer_store(totals, value, [o, v, T.ramp(0, 1, lanes)])
