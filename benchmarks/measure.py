"""Interleaved timing, the description of the machine, and the files that results go to."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import Progress

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("apache-tvm", "torch", "numpy")


@dataclass(frozen=True)
class Timing:
    """Microseconds of one contender: the best, the median, and the quartiles around it."""

    best: float
    median: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.median:.0f} ({self.lower:.0f} to {self.upper:.0f}), best {self.best:.0f}"


def interleaved(
    contenders: dict[str, Callable[[], object]], rounds: int, progress: Progress
) -> dict[str, Timing]:
    """Time all contenders in turn, round after round, so that a slow moment hits them all.

    Each round calls a contender until 3 ms have passed, and takes the mean.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()
    task = progress.add_task("measuring", total=rounds)
    for _ in range(rounds):
        for name, run in contenders.items():
            samples[name].append(_mean_microseconds(run))
        progress.advance(task)
    progress.remove_task(task)
    return {name: _timing(values) for name, values in samples.items()}


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge a figure: processor, what else ran, versions, date."""
    return {
        "processor": _processor(),
        "load of the machine before the run": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def save(name: str, facts: dict[str, Any], rows: list[dict[str, Any]], table: str) -> list[Path]:
    """Write the results as JSON and as Markdown; returns the paths."""
    RESULTS.mkdir(exist_ok=True)
    data = RESULTS / f"{name}.json"
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    data.write_text(json.dumps({"facts": facts, "rows": plain}, indent=1) + "\n")
    text = RESULTS / f"{name}.md"
    lines = [f"{key}: {value}  " for key, value in facts.items()]
    text.write_text("\n".join(lines) + "\n\n" + table)
    return [data, text]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _mean_microseconds(run: Callable[[], object]) -> float:
    calls, start = 0, time.perf_counter()
    while True:
        run()
        calls += 1
        passed = time.perf_counter() - start
        if passed > 3e-3:
            return passed / calls * 1e6


def _timing(values: list[float]) -> Timing:
    if len(values) < 2:
        return Timing(*values * 4)
    lower, median, upper = statistics.quantiles(values, n=4)
    return Timing(min(values), median, lower, upper)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Timing) else value
