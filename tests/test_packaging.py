"""What installs, and that the lists of it are complete."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAPPED = ("relay_passes", "schedules", "target")


def _packages_on_disk() -> set[str]:
    folders = [p.parent for top in ("tvm_snn", *MAPPED) for p in ROOT.glob(f"{top}/**/__init__.py")]
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    return {name if name.startswith("tvm_snn") else f"tvm_snn.{name}" for name in names}


def test_every_package_is_listed_in_setup_cfg() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert set(config["options"]["packages"].split()) == _packages_on_disk()


@pytest.mark.slow
def test_a_wheel_holds_nothing_but_tvm_snn(tmp_path: Path) -> None:
    # A copy, so that what an earlier build left behind cannot get into the wheel.
    source = tmp_path / "source"
    for top in ("tvm_snn", *MAPPED):
        shutil.copytree(ROOT / top, source / top, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"tvm_snn"}
    sources = {
        path.relative_to(ROOT).as_posix()
        if top == "tvm_snn"
        else f"tvm_snn/{path.relative_to(ROOT).as_posix()}"
        for top in ("tvm_snn", *MAPPED)
        for path in ROOT.glob(f"{top}/**/*.py")
    }
    assert sources <= set(names)
    assert "tvm_snn/py.typed" in names
