"""What was found and chosen for every layer, as a table for people and as data for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .costs import bit_operations, weight_bits
from .relay_passes.choose_strategies import Choice
from .relay_passes.detect_layers import DENSE, Layer

_TABLE_WIDTH = 160


@dataclass(frozen=True)
class LayerRow:
    """One conv or dense layer of a network."""

    name: str
    operator: str
    verdict: str
    """"sub-bit", "binary" or "dense"."""
    reason: str
    """Why the layer was taken for what it is."""
    shape: str
    """Weights and output, for people."""
    activation: str = ""
    """"W1A1" or "W1A32"; "" for a dense layer."""
    tau: int | None = None
    kernels: int | None = None
    """K, the size of the subset."""
    unit: int | None = None
    """g, the input channels of a unit."""
    weight_bits: int = 0
    bit_operations: int | None = None
    strategy: str = ""
    """The schedule that computes the layer; "" before one is chosen."""
    strategy_reason: str = ""
    microseconds: float | None = None
    """Measured time of the kernels that compute the layer, after a profile."""


@dataclass(frozen=True)
class Report:
    """The layers of a network in order of execution. `str()` of it is a table."""

    rows: tuple[LayerRow, ...]

    @property
    def binary_rows(self) -> tuple[LayerRow, ...]:
        """The sub-bit and binary layers."""
        return tuple(row for row in self.rows if row.verdict != DENSE)

    @property
    def binary_bits(self) -> int:
        """Bits of the weights of all sub-bit and binary layers."""
        return sum(row.weight_bits for row in self.binary_rows)

    @property
    def binary_operations(self) -> int:
        """Bit-OPs of all sub-bit and binary layers."""
        return sum(row.bit_operations or 0 for row in self.binary_rows)

    @property
    def dense_bits(self) -> int:
        """Bits of the weights of all dense layers."""
        return sum(row.weight_bits for row in self.rows) - self.binary_bits

    def with_times(self, microseconds: dict[str, float]) -> "Report":
        """Return the report with measured times, given by the layer's name."""
        rows = (replace(row, microseconds=microseconds.get(row.name)) for row in self.rows)
        return Report(tuple(rows))

    def to_json(self) -> str:
        """Return the rows and the totals as JSON."""
        totals = {
            "binary_bits": self.binary_bits,
            "binary_operations": self.binary_operations,
            "dense_bits": self.dense_bits,
        }
        return json.dumps({"layers": [asdict(row) for row in self.rows], **totals}, indent=2)

    def __str__(self) -> str:
        """Return a table with a line per layer and a line of totals."""
        console = Console(width=_TABLE_WIDTH, color_system=None)
        with console.capture() as capture:
            console.print(self.table())
            console.print(self.summary())
        return capture.get().rstrip()

    def table(self) -> Table:
        """Return the table with a line per layer, for a rich console."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        columns: list[tuple[str, bool]] = [
            ("layer", True),
            ("weights -> output", False),
            ("matched as", False),
            ("tau", False),
            ("K", False),
            ("Mbit", False),
            ("G Bit-OPs", False),
        ]
        chosen = any(row.strategy for row in self.rows)
        timed = any(row.microseconds is not None for row in self.rows)
        columns += [("strategy", False)] if chosen else []
        columns += [("us", False)] if timed else []
        for title, wraps in columns:
            number = title in ("tau", "K", "Mbit", "G Bit-OPs", "us")
            table.add_column(title, no_wrap=not wraps, justify="right" if number else "left")
        table.add_column("why", overflow="fold")
        for row in self.rows:
            cells = [row.name, row.shape, f"{row.verdict} {row.activation}".strip()]
            cells += [_number(row.tau), _number(row.kernels), f"{row.weight_bits / 1e6:.3f}"]
            cells += ["" if row.bit_operations is None else f"{row.bit_operations / 1e9:.4f}"]
            cells += [row.strategy] if chosen else []
            cells += [_microseconds(row.microseconds)] if timed else []
            cells += ["; ".join(part for part in (row.reason, row.strategy_reason) if part)]
            table.add_row(*map(escape, cells))
        return table

    def summary(self) -> str:
        """Return the totals in one line."""
        return (
            f"{len(self.binary_rows)} sub-bit or binary layers: {self.binary_bits / 1e6:.3f} Mbit, "
            f"{self.binary_operations / 1e9:.3f} G Bit-OPs; "
            f"{len(self.rows) - len(self.binary_rows)} dense layers: "
            f"{self.dense_bits / 1e6:.3f} Mbit (float32)"
        )


def make_report(layers: Sequence[Layer], choices: dict[str, Choice] | None = None) -> Report:
    """Return the report on detected layers and, where they are made, the strategies chosen."""
    return Report(tuple(_row(layer, (choices or {}).get(layer.name)) for layer in layers))


def _row(layer: Layer, choice: Choice | None) -> LayerRow:
    return LayerRow(
        name=layer.name,
        operator=layer.operator,
        verdict=layer.verdict,
        reason=layer.reason,
        shape=f"{_by(layer.weight_shape)} -> {_by(layer.output_shape)}",
        activation=layer.activation,
        tau=layer.tau,
        kernels=layer.subset.size if layer.subset else None,
        unit=layer.subset.unit if layer.subset else None,
        weight_bits=weight_bits(layer),
        bit_operations=bit_operations(layer),
        strategy=choice.strategy if choice else "",
        strategy_reason=choice.reason if choice else "",
    )


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _microseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
