"""The sizes of a kernel of `subset_gather`: blocks of pixels, chunks of units, jobs."""

from dataclasses import dataclass
from math import prod

from ...target import Features
from ..neon import Neon, neon_of
from ..planes import Convolution, Planes
from .bands import band_of, best_band
from .elements import FLOAT, SIGNS, Elements
from .picks import Picks
from .responses import Responses
from .transpose import SQUARE

VECTORS = (1, 2, 4)
"""Vectors of pixels in a block."""
CHUNKS = (2, 4, 6, 8, 10, 12, 14, 16, 20)
"""Units whose responses are kept together; the gather is unrolled over them."""
CACHE_BYTES, _SPLIT_CACHE_BYTES = 16 * 1024, 32 * 1024
"""Responses that the first-level data cache may hold: totals and indices pass through it too. Where
vectors are loaded in halves, more of them are faster than to load totals more often."""
_LONG = 8
"""Units of a chunk of signs that is long."""
_BLOCKS = 8
"""Vectors of pixels of an image whose blocks may have two of them."""
_MOST_EXTRA = 1.05
"""Pixels in blocks of two vectors, for one in blocks of a single vector."""
_JOBS = 2
"""Jobs below which outputs are split; each part computes the responses again."""
_CYCLES = {"int8": 0.7, "int16": 0.42, FLOAT: 0.42}
"""Cycles of a vector instruction."""
_LONG_CYCLES = 0.83
"""The same for int8 in registers of 512 bits: measured on whole layers, as the one above."""
_PICKS_BYTES, _FAR_PICK = 32 * 1024, 1.75
"""Picks that stay near the processor, and cycles to fetch a word of them when they do not."""
_NEON_CYCLES = {"int8": 1.3, "int16": 1.2, FLOAT: 1.2}
"""The same on ARM, where additions do not read memory; by llvm-mca's model of the Cortex-A72."""
_RECENT_CYCLES = {"int8": 1.3, "int16": 1.6, FLOAT: 1.2}
"""The same on recent ARM processors; by its model of the Neoverse N1, for levels in 512 channels at
7x7: those of few channels take 0.6 of that."""
_NEON_MOVE = 2.0
"""Cycles on ARM in which an element of the data comes into planes, those for lines among them."""
_SLOW_CYCLES = {"int8": 2.8, "int16": 2.7, FLOAT: 2.0}
"""The same where instructions are counted; by its model of the Cortex-A53."""


@dataclass(frozen=True)
class _SignPrices:
    """Cycles on ARM for signs."""

    add: float
    """Of an addition."""
    pick: float
    """Of the pick that the additions of a block's vectors share."""
    widening: float
    """Of adding the sum of a chunk to an output's total."""
    response: float
    """Of an instruction of a response."""
    result: float
    """Of a result."""


_A72_PRICES = _SignPrices(0.78, 0.7, 6.3, 0.51, 5.0)
"""By the model of the Cortex-A72; half of a result's are for lines of memory, which the first cache
lacks, those of the unpacked signs among them."""
_A53_PRICES = _SignPrices(2.44, 2.28, 4.5, 1.85, 2.6)
"""By the model of the Cortex-A53."""
_NARROW_PRICES = _SignPrices(1.9, 2.8, 17.6, 1.63, 8.9)
"""Instructions on the Cortex-A9, of 32 bits, of which there is no model."""
_WIDENING = 5
"""Instructions that add the sum of a chunk to an output's total."""


class GatherSizes:
    """The sizes of the kernel of one call."""

    def __init__(
        self,
        conv: Convolution,
        responses: Responses,
        unit: int,
        elements: Elements,
        features: Features,
        config: dict[str, int],
    ) -> None:
        """Size the kernel for data of `elements`; `config` holds chosen knobs."""
        self.conv, self.responses, self.unit = conv, responses, unit
        self.elements, self.features = elements, features
        self.units = conv.channels // unit
        self.total = elements.total(self.units, responses.weights)
        self.lanes = features.vector_bytes // elements.bytes
        vectors = config.get("vectors", self._best_vectors())
        self.vectors = max(vectors, SQUARE // self.lanes)
        self.block = self.lanes * self.vectors
        table_bytes = self.table * elements.bytes
        cache_bytes = _SPLIT_CACHE_BYTES if self._loads_in_halves else CACHE_BYTES
        self.chunk = self._chunk(config.get("chunk", cache_bytes // table_bytes))
        self.chunks = -(-self.units // self.chunk)
        self.stretch = self._stretch()
        self.stretches = -(-self.chunks // self.stretch)
        bands = self.moves_squares and conv.outputs % SQUARE == 0
        self.band = best_band(conv, self.block, self.step, self._moving) if bands else 0
        self.planes = Planes(band_of(conv, self.band) if self.band else conv, self.block)
        jobs = conv.batch * conv.groups * self.planes.blocks
        self.splits = 1 if self.band else min(max(1, _JOBS // jobs), -(-conv.outputs // SQUARE))
        self.span = -(-conv.outputs // (self.splits * SQUARE)) * SQUARE

    @property
    def result(self) -> str:
        """Dtype that holds every result, in which totals of stretches are summed up."""
        return self.total if self.stretches == 1 else "int32"

    @property
    def picks(self) -> Picks:
        """How the picks of outputs are kept."""
        alone = self.few_parts is not None
        return Picks(self.responses.kernels, self.chunk, self.features.vector_bytes, alone)

    @property
    def filled_units(self) -> int:
        """Units of a group with those of zero data that fill the last chunk."""
        return self.chunks * self.chunk

    @property
    def filled_channels(self) -> int:
        """Channels of a group with those of zeros that fill the last chunk."""
        return self.filled_units * self.unit

    @property
    def filled_outputs(self) -> int:
        """Outputs of a group with those that fill the last square of the last part."""
        return self.splits * self.span

    def cycles(self) -> float:
        """Estimate the cycles of the kernel."""
        pixels = Planes(self.planes.conv, self.step).blocks * self.step
        if self.band:
            pixels *= -(-self.conv.output_size[0] // self.band)
        vectors = self.conv.batch * self.conv.groups * pixels / self.lanes
        gather = self.conv.outputs * (self.chunk + _WIDENING)
        response = self.splits * self.chunk * self.responses.instructions
        prices = self._sign_prices
        if prices is not None:
            add = self.chunk * (prices.add + prices.pick / self.vectors) + prices.widening
            results = self.conv.batch * self.conv.groups * prod(self.conv.output_size)
            work = vectors * self.chunks * (add * self.conv.outputs + prices.response * response)
            return work + prices.result * results * self.conv.outputs
        work = self._instruction_cycles * vectors * self.chunks * (gather + response)
        return work + vectors / self.vectors * self._picks_cycles

    @property
    def _instruction_cycles(self) -> float:
        """Cycles of a vector instruction."""
        response, neon = self.elements.response, neon_of(self.features)
        if response == "int8" and self.features.vector_bits == 512:
            return _LONG_CYCLES
        if neon is None:
            return _CYCLES[response]
        if neon.counts_instructions:
            return _SLOW_CYCLES[response]
        return (_RECENT_CYCLES if neon.recent else _NEON_CYCLES)[response]

    @property
    def _sign_prices(self) -> _SignPrices | None:
        """What additions of signs take on ARM; None elsewhere, and for other data."""
        neon = neon_of(self.features)
        if neon is None or self.elements.data != SIGNS:
            return None
        if not neon.wide:
            return _NARROW_PRICES
        return _A53_PRICES if neon.in_order else _A72_PRICES

    @property
    def _moving(self) -> float:
        """What it takes on ARM to bring a pixel into planes, for one of what a result's takes."""
        if neon_of(self.features) is None:
            return 0.0
        instructions = self.conv.outputs + self.responses.instructions
        result = self._instruction_cycles * instructions * self.units / self.lanes
        return _NEON_MOVE * self.conv.channels / result

    @property
    def _picks_cycles(self) -> float:
        """Cycles to fetch the picks of a block of signs; floats take longer than they do."""
        words = self.chunks * self.conv.outputs * self.picks.words
        far = words * self.picks.word_bits // 8 > _PICKS_BYTES
        return _FAR_PICK * words if far and self.elements.response == "int8" else 0.0

    @property
    def few_parts(self) -> Neon | None:
        """The instructions for kernels whose limit is how many are handed on, else None."""
        neon = neon_of(self.features)
        return neon if neon is not None and neon.few_parts and self.elements.is_float else None

    @property
    def table(self) -> int:
        """Elements of the table of a unit's responses."""
        return self.responses.kernels * self.block

    def _best_vectors(self) -> int:
        """Return two vectors a block, to share loads of picks, or one where two do not pay.

        Chunks must stay long where their sums are widened one by one.
        """
        alone = Planes(self.conv, self.lanes).blocks
        table_bytes = self.responses.kernels * 2 * self.features.vector_bytes
        if self.features.neon and self.elements.is_float:
            # Sums of float32 wait for each other: those of four vectors do so side by side.
            return 4 if 2 * table_bytes * _LONG <= CACHE_BYTES and alone > 2 else 2
        if self._loads_in_halves:
            return 1
        if self.elements.response == self.total:
            return 2 if table_bytes <= CACHE_BYTES and alone > 1 else 1
        together = 2 * Planes(self.conv, 2 * self.lanes).blocks
        fits = together >= _BLOCKS and together <= _MOST_EXTRA * alone
        return 2 if fits and table_bytes * _LONG <= CACHE_BYTES else 1

    @property
    def _loads_in_halves(self) -> bool:
        """Whether loads of responses and totals, not of picks, are what a kernel waits for."""
        return self.features.split_vectors and self.elements.response == self.total

    def _chunk(self, wanted: int) -> int:
        """Return the units of a chunk, so that chunks are of about equal size."""
        longest = min(max(1, wanted), CHUNKS[-1], self.units)
        if not self.elements.is_float:
            longest = min(longest, self.elements.longest_chunk(self.responses.weights))
        return -(-self.units // -(-self.units // longest))

    def _stretch(self) -> int:
        """Return the chunks of a stretch, whose total cannot overflow."""
        if self.total != "int16":
            return self.chunks
        longest = self.elements.longest_total(self.responses.weights) // self.chunk
        return min(self.chunks, longest)

    @property
    def step(self) -> int:
        """Pixels that are computed together, at least."""
        return max(self.lanes, SQUARE)

    @property
    def moves_squares(self) -> bool:
        """Whether the data are no signs, channels last, in whole squares of channels."""
        conv = self.conv
        return (
            self.elements.data != SIGNS
            and conv.geometry.data_layout == "NHWC"
            and conv.channels % SQUARE == 0
        )
