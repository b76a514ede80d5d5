"""The files that results go to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import SnnError
from ..files import replacing
from .goals import Ratio
from .rows import Row
from .table import Table


def write_results(
    folder: Path,
    name: str,
    facts: Mapping[str, str],
    rows: Sequence[Row | Ratio],
    tables: Sequence[Table],
) -> list[Path]:
    """Write NAME.json with the rows and NAME.md with the tables; returns the paths.

    Raises SnnError when the folder cannot be written to.
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
