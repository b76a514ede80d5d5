"""Fetch what the tests under emulation need, into a folder of the user's cache; needs no root.

    python -m tests.emulation.provision

qemu, a 64-bit ARM Debian (Python, C and C++ libraries) and a 32-bit one (Python and numpy) come
from the package archives that apt is configured with, tvm_snn's requirements from where pip gets
packages. They are unpacked side by side and never installed. On a system without apt nothing is
done, and said.
"""

import configparser
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests import debian
from tests.debian import Archive, FetchError, contents, filled, has_apt, native_architecture, run

ROOT = Path(__file__).parents[2]
CACHE = debian.CACHE / "emulation"
SYSTEM = CACHE / "arm64"
"""The root of the emulated system of 64 bits."""
SITE = SYSTEM / "site"
"""Its Python packages."""
SYSTEM_32 = CACHE / "armhf"
"""The root of the one of 32 bits, which has no TVM: there is none for it."""
QEMU, QEMU_32 = "qemu-aarch64-static", "qemu-arm-static"
_OWN_QEMU = CACHE / "qemu" / "usr" / "bin"
_PACKAGES = ("python3", "libstdc++6")
_PACKAGES_32 = ("python3-numpy",)
# What wheels for the C library of a Debian 12 may be tagged with.
_PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")


def qemu(name: str = QEMU) -> str | None:
    """Return the path of an emulator, or None when there is none."""
    own = _OWN_QEMU / name
    return shutil.which(name) or (str(own) if own.exists() else None)


def complete() -> bool:
    """Return whether there is all for 64 bits, for the requirements of this version."""
    return qemu() is not None and contents(SYSTEM) == _wanted()


def complete_32() -> bool:
    """Return whether there is all for 32 bits."""
    return qemu(QEMU_32) is not None and contents(SYSTEM_32) == "\n".join(_PACKAGES_32)


def main() -> None:
    """Fetch what is missing."""
    if complete() and complete_32():
        return
    if not has_apt():
        print("No apt here: the tests under emulation will be skipped. They run on Debian.")
        return
    if qemu() is None:
        print("fetching qemu", flush=True)
        _unpack(native_architecture(), ("qemu-user-static",), CACHE / "qemu")
    if not complete():
        print("fetching Debian and TVM for 64-bit ARM (130 MB)", flush=True)
        with filled(SYSTEM, _wanted()) as building:
            _unpack("arm64", _PACKAGES, building)
            _unpack_wheels(building)
    if not complete_32():
        print("fetching Debian for 32-bit ARM (20 MB)", flush=True)
        with filled(SYSTEM_32, "\n".join(_PACKAGES_32)) as building:
            _unpack("armhf", _PACKAGES_32, building)


def _wanted() -> str:
    return "\n".join([*_PACKAGES, *_requirements()])


def _requirements() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _unpack(architecture: str, names: Sequence[str], folder: Path) -> None:
    with Archive(architecture) as archive:
        archive.unpack(names, folder)


def _unpack_wheels(system: Path) -> None:
    version = (system / "usr/bin/python3").resolve().name.removeprefix("python")
    wheels = CACHE / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--only-binary=:all:", "--implementation=cp", f"--python-version={version}"),
            *(f"--platform={platform}" for platform in _PLATFORMS),
            *("--dest", str(wheels), *_requirements()),
        ]
    )
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(system / "site")
    shutil.rmtree(wheels)


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(str(error))
