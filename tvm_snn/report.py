"""What was found and chosen for every layer, as a table for people and as data for machines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .costs import bit_operations, weight_bits
from .printed import Printed
from .relay_passes.choose_strategies import Choice
from .relay_passes.detect_layers import DENSE, Layer


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
    """"W1A1", "W1A2" to "W1A8", or "W1A32"; "" for a dense layer."""
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
    """Measured time of the kernels that compute the layer, after a profile; that of a kernel of
    several layers is shared among them."""


@dataclass(frozen=True)
class Report(Printed):
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

    def print(self, console: Console) -> None:
        """Print the table, its notes and the totals on a rich console, in the console's width."""
        console.print(self.table())
        if self.notes:
            console.print()
            console.print(self.notes_table())
            console.print()
        console.print(self.summary(), highlight=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Why layers were matched and computed as they are: each reason once, in order."""
        reasons = (reason for row in self.rows for reason in (row.reason, row.strategy_reason))
        return tuple(dict.fromkeys(reason for reason in reasons if reason))

    def table(self) -> Table:
        """Return the table with a line per layer, for a rich console.

        The column "why" holds the numbers of the notes.
        """
        chosen = any(row.strategy for row in self.rows)
        timed = any(row.microseconds is not None for row in self.rows)
        numbers = {note: str(number) for number, note in enumerate(self.notes, 1)}
        table = Table(box=None, header_style="bold", pad_edge=False)
        # Only these two may break into lines when the terminal is narrow.
        table.add_column("layer", overflow="fold")
        table.add_column("weights -> output", overflow="fold")
        table.add_column("matched as", no_wrap=True)
        for title in ("tau", "K", "Mbit", "G Bit-OPs"):
            table.add_column(title, no_wrap=title != "G Bit-OPs", justify="right")
        if chosen:
            table.add_column("strategy", no_wrap=True)
        if timed:
            table.add_column("us", no_wrap=True, justify="right")
        table.add_column("why", no_wrap=True)
        for row in self.rows:
            cells = [row.name, row.shape, f"{row.verdict} {row.activation}".strip()]
            cells += [_number(row.tau), _number(row.kernels), f"{row.weight_bits / 1e6:.3f}"]
            cells += ["" if row.bit_operations is None else f"{row.bit_operations / 1e9:.4f}"]
            cells += [row.strategy] if chosen else []
            cells += [_microseconds(row.microseconds)] if timed else []
            cells += [" ".join(numbers[r] for r in (row.reason, row.strategy_reason) if r)]
            table.add_row(*map(escape, cells), style="dim" if row.verdict == DENSE else "")
        return table

    def notes_table(self) -> Table:
        """Return the numbered notes that the column "why" points to."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("", justify="right", no_wrap=True)
        table.add_column("why")
        for number, note in enumerate(self.notes, 1):
            table.add_row(str(number), escape(note))
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
