"""Tilings that were measured to take fewer cycles than those that are estimated to be best.

A record says for one kind of layer, in one situation, on one accelerator, how it is cut. It is used
for exactly that: another layer, or the same one with its image elsewhere, is cut as estimated.
Records stand in JSON files of their own, beside those for processors (schedules/records.py).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ....errors import RecordsError
from ....record_file import read_entries, write_entries
from ..configuration import Configuration
from .geometry import Geometry
from .tiling import Cut

SCHEMA = 2
"""Version of the files' form."""

_LIST = "tilings"
_Numbers = TypeVar("_Numbers")


@dataclass(frozen=True)
class Situation:
    """What the best tiling of a layer depends on: all whole numbers, truths are 0 or 1."""

    accelerator: int
    """The configuration's identity."""
    height: int
    width: int
    stride: int
    pad_top: int
    pad_left: int
    pad_bottom: int
    pad_right: int
    window: int
    """`Window`, as the instructions have it."""
    outputs: int
    units: int
    """Units of input channels."""
    parts: int
    """Channels of a unit that take vectors of their own."""
    tau: int
    kernels: int
    binary: int
    plane: int
    vector: int
    residual: int
    """Whether one is added."""
    kept_image: int
    """Whether the image is on chip already."""
    kept_result: int
    """Whether the vectors stay on chip."""

    @staticmethod
    def of(geometry: Geometry, kept_image: bool, kept_result: bool) -> "Situation":
        """Return the situation of a layer."""
        layer = geometry.layer
        top, left, bottom, right = layer.pads
        return Situation(
            accelerator=geometry.hardware.identity,
            height=layer.height,
            width=layer.width,
            stride=layer.stride,
            pad_top=top,
            pad_left=left,
            pad_bottom=bottom,
            pad_right=right,
            window=int(layer.window),
            outputs=layer.outputs,
            units=layer.indices.shape[1],
            parts=layer.unit_vectors,
            tau=layer.tau,
            kernels=layer.kernels,
            binary=int(layer.binary),
            plane=int(layer.plane),
            vector=int(layer.vector),
            residual=int(layer.residual is not None),
            kept_image=int(kept_image),
            kept_result=int(kept_result),
        )


@dataclass(frozen=True)
class TilingRecord:
    """A measured choice for one situation."""

    situation: Situation
    cut: Cut
    cycles: int
    """Of the program in which it was measured."""
    default_cycles: int
    """Of the same program with the tiling that is estimated to be best."""
    counted_by: str
    """"rtl" or "model"."""
    accelerator: str
    """The configuration's name."""
    date: str
    versions: dict[str, str]

    def data(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        return asdict(self)


class Tilings:
    """Cuts by situation; of several for one situation, the first is taken."""

    def __init__(self, cuts: Iterable[tuple[Situation, Cut]] = ()) -> None:
        """Take cuts, those that come first before the others."""
        self._cuts: dict[Situation, Cut] = {}
        for situation, cut in cuts:
            self._cuts.setdefault(situation, cut)

    def __len__(self) -> int:
        """Count the situations."""
        return len(self._cuts)

    def find(self, situation: Situation) -> Cut | None:
        """Return how a layer is cut in a situation, if that is known."""
        return self._cuts.get(situation)

    def with_cut(self, situation: Situation, cut: Cut | None) -> "Tilings":
        """Return these, with another cut for one situation, or with none."""
        others = [pair for pair in self._cuts.items() if pair[0] != situation]
        return Tilings([*others, *([(situation, cut)] if cut else [])])


def holds_tilings(path: str | Path) -> bool:
    """Tell whether a file is one of tilings; what cannot be read is none."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and _LIST in data


def load_tilings(path: str | Path, hardware: Configuration | None) -> Tilings:
    """Return the tilings of a file for an accelerator.

    Raises RecordsError when the file cannot be read, is malformed, or has nothing for it.
    """
    records = read_tilings(path)
    own = [r for r in records if hardware and r.situation.accelerator == hardware.identity]
    if not own:
        there = ", ".join(sorted({record.accelerator for record in records})) or "none"
        name = "none" if hardware is None else f"{hardware.name!r}"
        raise RecordsError(
            f"The tilings in {path} are for other accelerators: {there}. The target's is {name}. "
            "Tune for it: tvm-snn tune MODEL --target ... --records ..."
        )
    return Tilings((record.situation, record.cut) for record in own)


def read_tilings(path: str | Path) -> list[TilingRecord]:
    """Return a file's records; raises RecordsError naming the file, the entry and the fault."""
    entries = enumerate(read_entries(path, _LIST, SCHEMA, "tilings"), 1)
    return [_read(entry, f"{path}, tiling {number}") for number, entry in entries]


def write_tilings(path: str | Path, records: Sequence[TilingRecord]) -> None:
    """Write a file of tilings, all of it or nothing; raises RecordsError when that fails."""
    write_entries(path, _LIST, SCHEMA, (record.data() for record in records))


def _read(entry: Any, where: str) -> TilingRecord:
    names = {field.name for field in fields(TilingRecord)}
    if not isinstance(entry, dict) or set(entry) != names:
        raise RecordsError(f"{where}: expected is an object with {', '.join(sorted(names))}.")
    values = dict(entry)
    values["situation"] = _numbers(Situation, entry["situation"], where)
    values["cut"] = _numbers(Cut, entry["cut"], where)
    for name, value in entry.items():
        wanted = {"cycles": int, "default_cycles": int, "versions": dict}.get(name, str)
        if name not in ("situation", "cut") and type(value) is not wanted:
            raise RecordsError(f"{where}: {name} is {value!r}, expected {wanted.__name__}.")
    return TilingRecord(**values)


def _numbers(kind: type[_Numbers], value: Any, where: str) -> _Numbers:
    """Return a dataclass of whole numbers from its JSON."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if not isinstance(value, dict) or set(value) != set(names):
        raise RecordsError(f"{where}: {value!r}; expected is an object with {', '.join(names)}.")
    for name in names:
        if type(value[name]) is not int:
            raise RecordsError(f"{where}: {name} is {value[name]!r}, expected a whole number.")
    return kind(**value)
