"""Files of what tuning found: JSON with the version of its form and one list of entries."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import RecordsError
from .files import replacing


def read_entries(path: str | Path, name: str, schema: int, what: str) -> list[Any]:
    """Return the list `name` of a file whose form is `schema`; `what` says what its entries are.

    Raises RecordsError naming the file and the fault.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordsError(f"Cannot read the {name} {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise RecordsError(f"The {name} {path} are no JSON: {error}.") from error
    if not isinstance(data, dict) or not isinstance(data.get(name), list):
        raise RecordsError(f"{path} holds no {what}: expected is an object with a list `{name}`.")
    if data.get("schema") != schema:
        raise RecordsError(
            f"The {name} {path} have the form {data.get('schema')!r}; this version reads form "
            f"{schema}. Tune again, or use the version of tvm_snn that wrote them."
        )
    entries: list[Any] = data[name]
    return entries


def write_entries(path: str | Path, name: str, schema: int, entries: Iterable[Any]) -> None:
    """Write such a file, all of it or nothing; raises RecordsError when that fails."""
    data = {"schema": schema, name: list(entries)}
    try:
        with replacing(Path(path)) as temporary:
            Path(temporary).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RecordsError(f"Cannot write {path}: {error.strerror or error}.") from error
