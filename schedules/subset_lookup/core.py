"""The kernel of strategy `subset_lookup`: its sizes, its stages, and what it costs.

See `subset_lookup` for how it works.
"""

# A kernel's signature in TVMScript is no Python type.
# mypy: disable-error-code="no-untyped-def, valid-type"

from math import prod

from tvm import te, tirx
from tvm.ir import Expr
from tvm.script import tirx as T
from tvm.tirx import PrimFunc

from ...ops.operator import PACKED
from ...target import Features
from ..borders import Borders
from ..emit import OWNS_RESULT, core_stage
from ..pack_signs import pack_stage
from ..planes import Convolution
from .buffers import Operands, Work
from .byte_lookup import ByteLookup
from .column_codes import ColumnCodes
from .framed_words import FramedWords, whole
from .segments import Segments
from .sign_codes import LANES, SignCodes, lanes_of
from .strip_sums import StripSums
from .strips import Strips
from .table import Table, sharable
from .tile_sums import TileSums
from .transposed_codes import TransposedCodes
from .wide_sums import WideSums

NAME = "subset_lookup"
_WIDENING, _RESULT, _STRIP_RESULT, _SEGMENT_START, _JOB = 4, 20, 12, 50, 400
"""Cycles to widen a vector of sums, to make results of it, in a segment or a strip, to start a
segment, and to start and end a job."""
_JOBS, _LEAST_JOBS = 14, 2
"""Jobs that several segments are not made one below, and those below which outputs are split."""
_MOST_SUMS, _MOST_SPLIT_SUMS, _MOST_FEW_SUMS = 16, 8, 6
"""Vectors of sums of a tile, at most: with 32 registers, with such that are worked off in halves
(measured: with 16 the loop is no faster alone, and 1 to 9 % slower in whole layers), with 16."""
_SEGMENT, _SEGMENT_CODES = 28, 4096
"""Pixels of a segment, at most: few enough for their results to be written while the next ones are
added up. Where pixels have few codes, segments may be longer, if the table is in the cache."""
_SMALL = 56
"""Pixels of an image that may be one segment, where several would compute some pixels twice."""


class LookupCore:
    """The kernel of one call: its sizes, and the stages made from them."""

    def __init__(self, conv: Convolution, table: Table, segments: Segments, blocks: int) -> None:
        """Take the convolution, its table and segments, and the vectors of outputs of a tile."""
        self.conv, self.table, self.segments, self.blocks = conv, table, segments, blocks
        self.borders = Borders.of(conv)
        self.frame = FramedWords(conv, table)
        self.codes = _encoder(conv, table)(conv, table, segments)
        self.tile_sums = TileSums(table, self.codes, segments.tile, blocks)

    @classmethod
    def of(
        cls,
        conv: Convolution,
        lookup: ByteLookup,
        subset: tuple[int, ...],
        units: int,
        config: dict[str, int],
    ) -> "LookupCore":
        """Return the cheapest kernel for a convolution, or the one that the knobs ask for.

        A group of outputs has so many `units` of a subset (K, g, kh, kw).
        """
        sharing = [1, 2] if sharable(lookup, subset, units) else [1]
        if "sharing" in config:
            sharing = [config["sharing"]]
        vectors = -(-conv.outputs // lookup.vector_bytes)
        choices = []
        for table in (Table(lookup, subset, units, number) for number in sharing):
            codes = table.cuts * lanes_of(conv, table)
            for blocks in (4, 2, 1):
                if vectors % blocks or blocks > config.get("blocks", 4):
                    continue
                for tile in _tiles(table, blocks, config):
                    longest = max(_SEGMENT, _SEGMENT_CODES // codes) if table.cached else _SEGMENT
                    most = config.get("segment", longest)
                    # Of a row, strips may be finished one by one.
                    lengths = {most, min(most, conv.output_size[1])}
                    if "segment" not in config and prod(conv.output_size) <= _SMALL:
                        lengths.add(prod(conv.output_size))
                    for pixels in sorted(lengths):
                        segments = Segments.of(conv, tile, codes, pixels)
                        choices.append(cls(conv, table, segments, blocks))
                if "blocks" in config:
                    break
        return min(choices, key=lambda choice: choice.cycles)

    @property
    def parts(self) -> int:
        """Parts of a group's outputs, each of as many vectors as a tile has."""
        return -(-self.conv.outputs // (self.blocks * self.table.lookup.vector_bytes))

    @property
    def splits(self) -> int:
        """Jobs that share the outputs of a segment, where it would be the only job.

        Each makes the codes anew. All of them have whole parts, and none that overlap.
        """
        jobs = self.conv.batch * self.conv.groups * self.segments.count
        size = self.blocks * self.table.lookup.vector_bytes
        whole_parts = self.conv.outputs % (size * _LEAST_JOBS) == 0
        return _LEAST_JOBS if jobs < _LEAST_JOBS and whole_parts else 1

    @property
    def job_segments(self) -> int:
        """Segments of a job: as many as leave enough jobs for any machine at hand."""
        count = self.segments.count
        jobs = self.conv.batch * self.conv.groups * count
        return max(
            s for s in range(1, count + 1) if s == 1 or (count % s == 0 and jobs >= s * _JOBS)
        )

    @property
    def strips(self) -> Strips:
        """The strips of a segment."""
        return Strips.of(self.segments, self.table, self.blocks, self.parts)

    @property
    def cycles(self) -> float:
        """Estimated cycles; see the module's function of this name."""
        conv, table, segments = self.conv, self.table, self.segments
        runs = self.tile_sums.run_cycles * -(-table.units // table.run)
        widenings = _WIDENING * table.chunks * segments.tile * self.blocks
        strips = self.strips
        result = _RESULT if strips.count == 1 else _STRIP_RESULT
        pixel = self.codes.cycles + result * self.blocks * self.parts
        tiles = strips.count * strips.tiles
        segment = self.parts * tiles * (runs + widenings) + segments.filled * pixel + _SEGMENT_START
        segment += (self.splits - 1) * segments.filled * self.codes.cycles
        count = conv.batch * conv.groups * segments.count
        return count * segment + count // self.job_segments * _JOB

    @property
    def _scratch(self) -> int:
        """Words that a job works in: codes, then what they are made from or the sums of a strip."""
        sums = self.strips.pixels * self.blocks * self.table.lookup.vector_bytes
        return 2 * self.codes.segment_codes + max(sums, self.codes.strip_codes)

    @property
    def filled_outputs(self) -> int:
        """Outputs of a group with those that fill a vector, where it has fewer."""
        return max(self.conv.outputs, self.table.lookup.vector_bytes)

    def compute(
        self,
        data: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
        features: Features,
    ) -> te.Tensor:
        """Stages from the data to the result; see the module's description."""
        conv, geometry = self.conv, self.conv.geometry
        words = data
        if str(data.dtype) != PACKED:
            words = pack_stage(data, conv.groups, geometry.data_layout, features)
        zeros = core_stage(NAME, self.frame.find_zeros(words), words)
        padded = core_stage(NAME, self.frame.pad(words, zeros), words, zeros)
        core = self._accumulate(padded, zeros, rows, lanes, starts)
        sums = core_stage(NAME, core, padded, zeros, rows, lanes, starts)
        height, width = conv.output_size
        sizes = geometry.in_layout(conv.batch, conv.groups * conv.outputs, height, width)

        def pixel(n: Expr, y: Expr, x: Expr, o: Expr) -> Expr:
            if conv.groups > 1 and self.filled_outputs != conv.outputs:
                o = o // conv.outputs * self.filled_outputs + o % conv.outputs
            return sums[n, y, x, o].astype("int32")

        return te.compute(
            [tirx.IntImm("int64", size) for size in sizes],
            pixel if geometry.data_layout == "NHWC" else lambda n, o, y, x: pixel(n, y, x, o),
            name="image",
        )

    def _accumulate(
        self,
        padded: te.Tensor,
        zeros: te.Tensor,
        rows: te.Tensor,
        lanes: te.Tensor,
        starts: te.Tensor,
    ) -> PrimFunc:
        """Return the core: segment by segment it makes codes, and strip by strip adds responses up.

        The sums of a tile of pixels and some vectors of outputs are kept in registers.
        """
        conv, table, segments = self.conv, self.table, self.segments
        size, steps, blocks = table.lookup.vector_bytes, table.steps, self.blocks
        tile, strips, outputs = segments.tile, self.strips, self.filled_outputs
        share, all_chunks = self.job_segments, conv.groups * table.chunks
        jobs, splits = conv.batch * conv.groups * segments.count // share, self.splits
        own_outputs = outputs // splits
        lookups, encode = self.tile_sums.lookups, self.codes.encode_segment()
        wide = WideSums(table, segments, self.borders, blocks, origin=2 * self.codes.segment_codes)
        sums = StripSums(strips, self.tile_sums, wide, self.parts // splits, outputs)

        def region(
            results: tirx.Buffer, at: Expr, first: Expr, shape: tuple[int, int], split: Expr
        ) -> tirx.BufferRegion:
            """Return a job's results of some rows of some pixels of segment `at`, of all segments.

            They begin at the segment's pixel number `first`.
            """
            y, x = segments.pixel(at % segments.count, first)
            image = at // (segments.count * conv.groups)
            begin = at // segments.count % conv.groups * outputs + split * own_outputs
            height, width = shape
            return results[image, y : y + height, x : x + width, begin : begin + own_outputs]

        sum_strip = sums.sum_strip(region)

        @T.prim_func(s_tir=True, private=True)
        def accumulate(
            padded: T.Buffer(padded.shape, "uint64"),
            zeros: T.Buffer(zeros.shape, "uint8"),
            rows: T.Buffer(rows.shape, "uint8"),
            lanes: T.Buffer(lanes.shape, "uint8"),
            starts: T.Buffer(starts.shape, "uint16"),
            results: T.Buffer((conv.batch, *conv.output_size, conv.groups * outputs), "int16"),
        ):
            for job in T.parallel(jobs * splits):
                with T.sblock("job"):
                    v = T.axis.spatial(jobs, job // splits)
                    split = T.axis.spatial(splits, job % splits)
                    T.reads(whole(padded), whole(zeros), whole(rows), whole(lanes), whole(starts))
                    T.writes(whole(results))
                    # Small buffers without a scope are on the stack. Others are allocated at every
                    # job, which takes as long as some pixels do: there is one of them.
                    codes = T.sblock_alloc_buffer((self._scratch,), "uint16")
                    code = T.sblock_alloc_buffer((2, LANES), "uint16")
                    parity = T.sblock_alloc_buffer((self.codes.columns,), "uint64")
                    counts = T.sblock_alloc_buffer((segments.filled,), "uint16")
                    n: T.let = v * share // (segments.count * conv.groups)
                    group: T.let = v * share // segments.count % conv.groups
                    any_zero: T.let = T.Cast("int32", zeros[n, all_chunks])
                    for turn_of_job in range(share):
                        segment: T.let = (v * share + turn_of_job) % segments.count
                        encode(padded, codes, code, parity, counts, any_zero, n, group, segment)
                        for strip in range(strips.count):
                            with T.sblock("strip"):
                                at = T.axis.spatial(jobs * share, v * share + turn_of_job)
                                vt = T.axis.spatial(strips.count, strip)
                                vs = T.axis.spatial(splits, split)
                                T.reads(
                                    whole(codes),
                                    whole(counts),
                                    whole(zeros),
                                    whole(rows),
                                    whole(lanes),
                                    whole(starts),
                                )
                                T.writes(
                                    region(results, at, strips.start(vt), strips.shape, vs),
                                    whole(codes),
                                )
                                T.sblock_attr({OWNS_RESULT: True} if not sums.by_pixel else {})
                                entries = T.sblock_alloc_buffer((lookups, steps, size), "uint8")
                                found = T.sblock_alloc_buffer((lookups, blocks, size), "uint8")
                                # LLVM keeps buffers in registers, but none of a kilobyte.
                                total = [
                                    T.sblock_alloc_buffer((blocks, size), "uint8")
                                    for _ in range(tile)
                                ]
                                first: T.let = strips.start(vt)
                                sum_strip(
                                    Operands(zeros, rows, lanes, starts),
                                    Work(codes, counts, entries, found, total),
                                    results,
                                    (n, group, segment),
                                    at,
                                    vs,
                                    first,
                                    any_zero,
                                )

        return accumulate


def _encoder(conv: Convolution, table: Table) -> type[SignCodes]:
    """Return what makes the codes of a convolution fastest."""
    if TransposedCodes.fits(conv, table):
        return TransposedCodes
    return ColumnCodes if ColumnCodes.fits(conv, table) else SignCodes


def _tiles(table: Table, blocks: int, config: dict[str, int]) -> list[int]:
    """Return how many pixels' sums may be in registers, with so many vectors of outputs each."""
    registers, split = table.lookup.registers, table.lookup.split
    most_sums = _MOST_SUMS if registers == 32 else _MOST_FEW_SUMS
    most = min(8, (_MOST_SPLIT_SUMS if split else most_sums) // blocks)
    if table.sharing == 2:
        # Both sums of two pixels, what is found for them, their entries; and two constants.
        fit = 2 * max(1, (registers - 2) // (3 * blocks + table.steps))
        if "pixels" in config:
            return [max(2, min(config["pixels"], fit) // 2 * 2)]
        most = min(most, fit) if split else min(8, fit)
        return list(range(most, fit // 2 - 1, -2))
    if "pixels" in config:
        return [min(config["pixels"], registers * 3 // 4 // blocks)]
    return list(range(most, most // 2, -1))
