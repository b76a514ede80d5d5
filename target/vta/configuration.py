"""The accelerator's parameters: one JSON file drives RTL, simulators and code generator."""

import json
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ...errors import TargetError

CONFIGURATIONS = Path(__file__).parent / "configurations"
"""Where the configurations that ship with the package lie."""


_MOST_LINES = {
    "activation_lines": 1 << 14,
    "subset_lines": 1 << 9,
    "index_lines": 1 << 16,
    "outputs": 1 << 10,
    "residual_lines": 1 << 12,
    "plane_lines": 1 << 12,
    "vector_lines": 1 << 14,
}
"""By the width of the fields; subsets begin within the first half of their memory."""


@dataclass(frozen=True)
class Configuration:
    """The parameters of one accelerator.

    A *lane* computes for one output pixel and one input channel: there are `pixels * channels`.
    Raises TargetError when parameters do not fit together.
    """

    name: str
    pixels: int
    """Output pixels computed side by side."""
    channels: int
    """Input channels computed side by side: the length of an activation vector."""
    adders: int
    """Responses that a lane gathers in a cycle: outputs computed side by side."""
    tree_sharing: int
    """Pixels that take turns at one adder tree for their responses."""
    alu_pixels: int
    """Pixels that the ALU finishes side by side."""
    activation_bits: int
    """8 for two's complement bytes, 2 for signs with a zero."""
    index_bits: int
    """Bit planes of the index memory; with 9, it holds whole 3x3 kernels, and there are BCONVs."""
    responses: int
    """Responses that a lane can hold: the largest subset."""
    activation_lines: int
    """Activation vectors in each of the four banks (image rows modulo 4)."""
    subset_lines: int
    """Kernels that the subset memory holds."""
    index_lines: int
    """Index lines, each of `adders * channels` indices."""
    outputs: int
    """Output channels of one pass: the depth of accumulators, parameters and residuals."""
    residual_lines: int
    """Lines of the residual memory, each of one output channel and `pixels` pixels."""
    plane_lines: int
    """Lines of the memory in which ALU leaves results channel by channel."""
    vector_lines: int
    """Lines of the memory in which ALU leaves results pixel by pixel."""
    bus_bytes: int
    """Width of the AXI4 data bus."""
    clock_mhz: float
    """Clock that times in seconds are computed with: an assumption, not a measurement."""

    def __post_init__(self) -> None:
        """Check that the parameters fit together."""
        for condition, expected in self._rules():
            if not condition:
                raise TargetError(f"Accelerator configuration {self.name!r}: {expected}")

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        index_line = self.adders * self.channels
        return (
            *(
                (
                    1 <= getattr(self, name) <= most,
                    f"{name} is {getattr(self, name)}, expected 1 to {most}: what instructions can "
                    "name",
                )
                for name, most in _MOST_LINES.items()
            ),
            (1 <= self.pixels <= 64, f"pixels is {self.pixels}, expected 1 to 64"),
            (
                self.channels in (8, 16, 32, 64),
                f"channels is {self.channels}, expected 8, 16, 32 or 64",
            ),
            (self.adders in (1, 2, 4, 8, 16), f"adders is {self.adders}, expected 1, 2, 4, 8, 16"),
            (
                1 <= self.tree_sharing <= self.pixels,
                f"tree_sharing is {self.tree_sharing}, expected 1 to pixels, {self.pixels}",
            ),
            (
                self.alu_pixels in (2, 4, 8, 16, 32, 64),
                f"alu_pixels is {self.alu_pixels}, expected 2, 4, 8, 16, 32 or 64",
            ),
            (
                self.vector_lines % self.alu_pixels == 0,
                f"vector_lines is {self.vector_lines}, expected a multiple of alu_pixels, "
                f"{self.alu_pixels}",
            ),
            (
                self.activation_bits in (2, 8),
                f"activation_bits is {self.activation_bits}, expected 2 or 8",
            ),
            (3 <= self.index_bits <= 9, f"index_bits is {self.index_bits}, expected 3 to 9"),
            (
                self.responses in (8, 16, 32, 64, 128),
                f"responses is {self.responses}, expected 8, 16, 32, 64 or 128",
            ),
            (
                self.outputs % self.adders == 0 and self.outputs % self.channels == 0,
                f"outputs is {self.outputs}, expected a multiple of adders, {self.adders}, "
                f"and of channels, {self.channels}",
            ),
            (
                self.bus_bytes in (8, 16, 32),
                f"bus_bytes is {self.bus_bytes}, expected 8, 16 or 32",
            ),
            (
                index_line % 8 == 0,
                f"an index plane is adders * channels = {index_line} bits, expected whole bytes",
            ),
        )

    @property
    def response_bits(self) -> int:
        """Bits of a response: nine activations added or subtracted, two channels together."""
        return self.activation_bits + 5

    @property
    def trees(self) -> int:
        """Adder trees of one channel."""
        return -(-self.pixels // self.tree_sharing)

    @property
    def alu_turns(self) -> int:
        """Cycles that the ALU takes for an output channel of a tile."""
        return -(-self.pixels // self.alu_pixels)

    @property
    def identity(self) -> int:
        """A number of 31 bits for what programs depend on: all parameters but name and clock."""
        numbers = {k: v for k, v in asdict(self).items() if k not in ("name", "clock_mhz")}
        return zlib.crc32(json.dumps(numbers, sort_keys=True).encode()) >> 1

    def to_json(self) -> str:
        """Return the parameters as the text of a JSON file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def is_accelerator(name: str) -> bool:
    """Tell whether a configuration that ships with the package has this name."""
    return (CONFIGURATIONS / f"{name}.json").exists()


def load_configuration(name: str | Path) -> Configuration:
    """Return a configuration that ships with the package, by its name, or one from a JSON file.

    Raises TargetError for an unknown name, a file that cannot be read, unknown or missing
    parameters.
    """
    path = CONFIGURATIONS / f"{name}.json"
    if not path.exists():
        path = Path(name)
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in CONFIGURATIONS.glob("*.json")))
        raise TargetError(
            f"No accelerator configuration {str(name)!r}. There are {known}; or give the path of a "
            "JSON file."
        )
    return _parse(path)


def _parse(path: Path) -> Configuration:
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise TargetError(f"{path} is not JSON: {error}") from error
    expected = {field.name for field in fields(Configuration)}
    found = set(values) if isinstance(values, dict) else set()
    if found != expected:
        missing, unknown = sorted(expected - found), sorted(found - expected)
        raise TargetError(f"{path}: parameters missing: {missing}, unknown: {unknown}")
    return Configuration(**values)
