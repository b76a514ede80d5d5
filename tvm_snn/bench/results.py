"""The files that results go to."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import SnnError
from ..files import replacing
from .rows import Row
from .table import Table
from .timing import Timing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_PASSING = ("date", "load before the run")
"""Facts that may differ between two runs whose rows stand in one table."""


_AnyRow = TypeVar("_AnyRow")


def read_rows(folder: Path, name: str, facts: Mapping[str, str]) -> list[Row]:
    """Return the measured rows of an earlier NAME.json; see `read_rows_of`."""
    return read_rows_of(_row, folder, name, facts)


def read_rows_of(
    make: Callable[[dict[str, Any]], _AnyRow], folder: Path, name: str, facts: Mapping[str, str]
) -> list[_AnyRow]:
    """Return the rows of an earlier NAME.json, none if it is not there.

    `make` makes one of what the file has for it. Raises SnnError when the file was measured on
    another machine or by other versions, or is damaged.
    """
    path = folder / f"{name}.json"
    if not path.exists():
        return []
    try:
        data = json.loads(path.read_text())
        other = [key for key in facts if facts[key] != data["facts"].get(key)]
        rows = [make(entry) for entry in data["rows"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnnError(f"{path} holds no rows of a benchmark: {error!r}.") from error
    if differing := [key for key in other if key not in _PASSING]:
        raise SnnError(
            f"{path} was measured under other conditions ({', '.join(differing)}), so its rows do "
            "not belong into one table with new ones. Measure everything, or choose another folder."
        )
    return rows


def write_results(
    folder: Path,
    name: str,
    facts: Mapping[str, str],
    rows: Sequence["DataclassInstance"],
    tables: Sequence[Table],
) -> list[Path]:
    """Write NAME.json with the rows and NAME.md with the tables; returns the paths.

    `rows` are of any data class. Raises SnnError when the folder cannot be written to.
    """
    data = {"facts": dict(facts), "rows": [asdict(row) for row in rows]}
    listed = "".join(f"{key}: {value}  \n" for key, value in facts.items())
    texts = {
        folder / f"{name}.json": json.dumps(data, indent=1) + "\n",
        folder / f"{name}.md": "\n".join([listed, *(table.markdown() for table in tables)]),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with replacing(path) as temporary:
                Path(temporary).write_text(text)
    except OSError as error:
        raise SnnError(f"Cannot write to {folder}: {error.strerror or error}.") from error
    return list(texts)


def _row(entry: dict[str, Any]) -> Row:
    return Row(**entry | {"microseconds": Timing(**entry["microseconds"])})
