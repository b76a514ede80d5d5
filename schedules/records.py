"""Tuning records: what was measured to be faster than the cost model's choice, layer by layer.

A record says for one operation and one kind of target which strategy in which configuration won.
It is used for exactly that operation, on targets with the very features it was tuned for: those
decide which code is made. Records stand in JSON files; those in the folder records/ ship with this
package, others are named by the user.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ModelError, RecordsError
from ..record_file import read_entries, write_entries
from ..target import Features
from .operation import Operation
from .strategy import STRATEGIES

SCHEMA = 1
"""Version of the files' form."""
SHIPPED = Path(__file__).parent / "records"
"""Folder of the records that ship with this package."""


@dataclass(frozen=True)
class Record:
    """A measured choice for one operation."""

    operation: Operation
    features: Features
    """What the schedules ask of the target; a record fits targets with equal features only."""
    strategy: str
    config: dict[str, int]
    """The strategy's knobs by name; empty for its own choice."""
    microseconds: float
    default_strategy: str
    """What the cost model chose."""
    default_microseconds: float
    """Time of that, measured in turns with the record's own."""
    target: str
    """The target that was tuned for, as TVM writes it."""
    threads: int
    processor: str
    """Where it was measured."""
    date: str
    versions: dict[str, str]

    @property
    def gain(self) -> float:
        """How many times faster than the cost model's choice."""
        return self.default_microseconds / self.microseconds

    @property
    def key(self) -> tuple[str, Features]:
        """What a record is found by."""
        return self.operation.fingerprint, self.features

    def data(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return own | {
            "fingerprint": self.operation.fingerprint,
            "operation": self.operation.data(),
            "features": asdict(self.features),
        }

    def fault(self) -> str | None:
        """Return why the record's strategy cannot be taken so, or None when it can."""
        if self.strategy not in STRATEGIES:
            return f"names the strategy {self.strategy!r}; known are {', '.join(STRATEGIES)}"
        strategy, call = STRATEGIES[self.strategy], self.operation.call()
        obstacle = strategy.obstacle(call, self.features)
        if obstacle is not None:
            return f"names the strategy {self.strategy}, which cannot compute the layer: {obstacle}"
        return strategy.fault(call, self.features, self.config)


class Records:
    """Records of several files, found by operation and features; the first file wins."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        """Take records, those that come first before the others."""
        self._records: dict[tuple[str, Features], Record] = {}
        for record in records:
            self._records.setdefault(record.key, record)

    def __len__(self) -> int:
        """Count the records."""
        return len(self._records)

    def find(self, operation: Operation, features: Features) -> Record | None:
        """Return the record for an operation on targets with these features, if there is one."""
        return self._records.get((operation.fingerprint, features))


def load_records(path: str | Path | None, features: Features, target: str) -> Records:
    """Return the shipped records, with those of a user's file before them.

    Raises RecordsError when the file cannot be read, is malformed, or holds nothing for targets
    with these features.
    """
    if path is None:
        return Records(shipped_records())
    own = read_records(path)
    if all(record.features != features for record in own):
        others = sorted({record.target for record in own})
        raise RecordsError(
            f"The records in {path} are for other targets: {'; '.join(others) or 'none at all'}. "
            f"The target is {target}. Tune for it: tvm-snn tune MODEL --target ... --records ..."
        )
    return Records([*own, *shipped_records()])


@cache
def shipped_records() -> tuple[Record, ...]:
    """Return the records that ship with this package."""
    return tuple(record for path in sorted(SHIPPED.glob("*.json")) for record in read_records(path))


def read_records(path: str | Path) -> tuple[Record, ...]:
    """Return the records of a file; raises RecordsError naming the file, the entry and the fault.

    Everything is checked: the form, the fingerprint, that the strategy can compute the layer and
    that its knobs have such values.
    """
    entries = enumerate(read_entries(path, "records", SCHEMA, "tuning records"), 1)
    return tuple(_read(entry, f"{path}, record {number}") for number, entry in entries)


def write_records(path: str | Path, records: Sequence[Record]) -> None:
    """Write a file of records, all of it or nothing; raises RecordsError when that fails."""
    write_entries(path, "records", SCHEMA, (record.data() for record in records))


def _read(entry: Any, where: str) -> Record:
    if not isinstance(entry, dict):
        raise RecordsError(f"{where} is no object.")
    names = {field.name for field in fields(Record)} | {"fingerprint"}
    if set(entry) != names:
        missing = ", ".join(sorted(names - set(entry))) or "nothing"
        unknown = ", ".join(sorted(set(entry) - names)) or "nothing"
        raise RecordsError(f"{where}: missing is {missing}, unknown is {unknown}.")
    values = {name: _value(entry[name], name, where) for name in names}
    expected = values.pop("fingerprint")
    record = Record(**values)
    if record.operation.fingerprint != expected:
        raise RecordsError(
            f"{where}: the fingerprint {expected} is not that of its operation, which is "
            f"{record.operation.fingerprint}. It was changed, or the kernels were since it was "
            "tuned: tune again."
        )
    fault = record.fault()
    if fault is not None:
        raise RecordsError(f"{where} {fault}.")
    return record


def _value(value: Any, name: str, where: str) -> Any:
    if name == "operation":
        try:
            return Operation.from_data(value)
        except ModelError as error:
            raise RecordsError(f"{where}: operation: {error}") from error
    if name == "features":
        return _features(value, where)
    checks = {
        "config": lambda v: isinstance(v, dict) and all(type(x) is int for x in v.values()),
        "microseconds": _is_time,
        "default_microseconds": _is_time,
        "threads": lambda v: type(v) is int and v >= 1,
        "versions": lambda v: isinstance(v, dict),
    }
    if not checks.get(name, lambda v: isinstance(v, str))(value):
        raise RecordsError(f"{where}: {name} is {value!r}, which it cannot be.")
    return value


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value > 0


def _features(value: Any, where: str) -> Features:
    known = {field.name: field.type for field in fields(Features)}
    if not isinstance(value, dict) or set(value) != set(known):
        raise RecordsError(
            f"{where}: features are {value!r}; expected is an object with {', '.join(known)}."
        )
    for name, kind in known.items():
        if type(value[name]) is not kind:
            raise RecordsError(f"{where}: the feature {name} is {value[name]!r}.")
    return Features(**value)
