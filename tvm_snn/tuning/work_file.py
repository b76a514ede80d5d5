"""The work file: every measurement of a tuning run, so that a later run goes on from there.

It is MetaSchedule's database, two files of JSON lines in a folder beside the records. What was
measured for another target, in another place, with another number of threads or with other kernels
has a folder of its own.
"""

import hashlib
import json
from pathlib import Path

from tvm.s_tir.meta_schedule.database import JSONDatabase
from tvm.target import Target

from ..errors import TuningError
from ..files import replacing
from ..schedules.operation import KERNELS

_MEASURING = 2
"""Version of how kernels are built and measured."""
_WORKLOADS, _MEASUREMENTS = "workloads.json", "measurements.json"


def open_work_file(records: Path, target: Target, place: str, threads: int) -> JSONDatabase:
    """Return the database beside `records` for a target, a place and a number of threads.

    A line that was cut when an earlier run was killed is dropped. Raises TuningError when the
    folder cannot be written or its files are damaged.
    """
    key = json.dumps([str(target), place, threads, KERNELS, _MEASURING])
    folder = records.parent / f"{records.name}.work"
    folder /= hashlib.sha256(key.encode()).hexdigest()[:12]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (_WORKLOADS, _MEASUREMENTS):
            _drop_cut_line(folder / name)
    except OSError as error:
        raise TuningError(
            f"Cannot write the work file {folder}: {error.strerror or error}."
        ) from error
    try:
        return JSONDatabase(str(folder / _WORKLOADS), str(folder / _MEASUREMENTS))
    except Exception as error:
        # Whatever TVM raises over a line that it did not write.
        raise TuningError(
            f"The work file {folder} is damaged: {error}. Delete it to measure anew."
        ) from error


def _drop_cut_line(path: Path) -> None:
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if text.endswith("\n") or not text:
        return
    kept, _, cut = text.rpartition("\n")
    try:
        json.loads(cut)
        kept = text
    except ValueError:
        pass
    with replacing(path) as temporary:
        Path(temporary).write_text(kept + "\n" if kept else "", encoding="utf-8")
