from pathlib import Path

from tvm_snn.conditions import Conditions, change, conditions


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_a_raspberry_pi(tmp_path: Path) -> None:
    clock = tmp_path / "devices/system/cpu/cpufreq/policy0"
    _write(clock / "scaling_governor", "ondemand")
    _write(clock / "scaling_cur_freq", "1500000")
    _write(tmp_path / "class/thermal/thermal_zone0/temp", "48312")
    before = conditions(tmp_path)
    assert before == Conditions("ondemand", 1500.0, 48.312)
    _write(clock / "scaling_cur_freq", "1000000")
    _write(tmp_path / "class/thermal/thermal_zone0/temp", "81000")
    line = change(before, conditions(tmp_path))
    assert line == "governor ondemand, clock 1500 to 1000 MHz, 48.3 to 81.0 °C"


def test_clusters_and_broken_sensors(tmp_path: Path) -> None:
    for number, (governor, clock) in enumerate([("powersave", "600000"), ("schedutil", "1800000")]):
        folder = tmp_path / f"devices/system/cpu/cpufreq/policy{4 * number}"
        _write(folder / "scaling_governor", governor)
        _write(folder / "scaling_cur_freq", clock)
    (tmp_path / "class/thermal/thermal_zone0/temp").mkdir(parents=True)
    _write(tmp_path / "class/thermal/thermal_zone1/temp", "-5000")
    assert conditions(tmp_path) == Conditions("powersave, schedutil", 1800.0, -5.0)


def test_a_system_that_shows_nothing(tmp_path: Path) -> None:
    assert conditions(tmp_path) == Conditions()
    assert change(Conditions(), Conditions()) == ""
