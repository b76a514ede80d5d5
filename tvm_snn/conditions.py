"""Under which conditions a machine computes: clock, governor, temperature, as Linux shows them.

A board that throttles because it is hot, or whose governor saves power, is the usual reason for
times that nobody understands.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = Path("/sys")


@dataclass(frozen=True)
class Conditions:
    """The state of a machine at one moment; what the system does not show is "" or None."""

    governor: str = ""
    """What decides the clock, for example "ondemand"; several, where processors differ."""
    megahertz: float | None = None
    """The highest clock of the processors, as the system tells it."""
    celsius: float | None = None
    """The highest temperature that a sensor shows."""


def conditions(system: Path = _SYSTEM) -> Conditions:
    """Return the conditions at this moment, read from the files under `system`."""
    clocks = sorted((system / "devices/system/cpu/cpufreq").glob("policy*"))
    governors = sorted({_text(clock / "scaling_governor") for clock in clocks} - {""})
    kilohertz = _numbers(clock / "scaling_cur_freq" for clock in clocks)
    millidegrees = _numbers(sorted((system / "class/thermal").glob("thermal_zone*/temp")))
    return Conditions(
        governor=", ".join(governors),
        megahertz=max(kilohertz) / 1000 if kilohertz else None,
        celsius=max(millidegrees) / 1000 if millidegrees else None,
    )


def change(before: Conditions, after: Conditions) -> str:
    """Return two moments as people write them; "" when the system shows nothing."""
    parts = []
    if after.governor:
        parts.append(f"governor {after.governor}")
    if before.megahertz is not None and after.megahertz is not None:
        parts.append(f"clock {before.megahertz:.0f} to {after.megahertz:.0f} MHz")
    if before.celsius is not None and after.celsius is not None:
        parts.append(f"{before.celsius:.1f} to {after.celsius:.1f} °C")
    return ", ".join(parts)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        # A sensor that is switched off.
        return ""


def _numbers(paths: Iterable[Path]) -> list[int]:
    return [int(text) for text in map(_text, paths) if text.lstrip("-").isdecimal()]
