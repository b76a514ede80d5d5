"""What the elements are that the gather adds up, from the data to the result.

Integers are added in the narrowest type as long as they cannot overflow, then in wider ones: sums
of a chunk of units as wide as responses, totals of several chunks in 16 bits, results in 32. Where
few units fit 16 bits, totals have 32 at once.
"""

from dataclasses import dataclass

from tvm import relax

from ...ops.levels import LEVELS, top_level
from ...tvm_api import attrs_dict

FLOAT = "float32"
SIGNS = "int8"
_FEWEST = 32
"""Units whose total has 16 bits, at least, where a layer has more units than fit."""
_MOST = {"int8": 2**7 - 1, "int16": 2**15 - 1}
_BYTES = {"int8": 1, "int16": 2, FLOAT: 4}


@dataclass(frozen=True)
class Elements:
    """Dtypes of the data in planes and of responses, and how large the data may be."""

    data: str
    """float32, uint8 (levels) or int8 (signs)."""
    response: str
    """Of responses, and of the sums of a chunk: float32, int16 or int8."""
    largest: int = 1
    """Largest magnitude of an integer in the data."""

    @classmethod
    def of(cls, call: relax.Call) -> "Elements":
        """Return the elements of a call. Levels of one bit are as small as signs."""
        dtype = str(call.args[0].ty.dtype)
        if dtype == FLOAT:
            return cls(FLOAT, FLOAT)
        if dtype != LEVELS:
            return cls(SIGNS, "int8")
        top = top_level(attrs_dict(call))
        return cls(LEVELS, "int8" if top == 1 else "int16", top)

    @property
    def is_float(self) -> bool:
        """Whether nothing can overflow."""
        return self.response == FLOAT

    @property
    def bytes(self) -> int:
        """Bytes of a response."""
        return _BYTES[self.response]

    @property
    def operator_result(self) -> str:
        """Dtype of the operator's result."""
        return FLOAT if self.is_float else "int32"

    def longest_chunk(self, weights: int) -> int:
        """Return the units, of so many weights, whose responses add up without overflow.

        It is 0 where a single one may overflow. Floats have no limit, and are not to be asked.
        """
        return _MOST[self.response] // (weights * self.largest)

    def longest_total(self, weights: int) -> int:
        """Return the units, of so many weights, whose total fits 16 bits, whatever they are."""
        return _MOST["int16"] // (weights * self.largest)

    def total(self, units: int, weights: int) -> str:
        """Return the dtype of the totals of several chunks, of `units` units of so many weights."""
        if self.is_float:
            return FLOAT
        return "int16" if min(units, _FEWEST) <= self.longest_total(weights) else "int32"
