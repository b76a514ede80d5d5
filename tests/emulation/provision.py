"""Fetch what the tests under emulation need, into a folder of the user's cache; needs no root.

    python -m tests.emulation.provision

qemu, a 64-bit ARM Debian (Python, C and C++ libraries) and a 32-bit one (Python and numpy) come
from the package archives that apt is configured with, tvm_snn's requirements from where pip gets
packages. They are unpacked side by side and never installed. On a system without apt nothing is
done, and said.
"""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tvm_snn" / "emulation"
SYSTEM = CACHE / "arm64"
"""The root of the emulated system of 64 bits."""
SITE = SYSTEM / "site"
"""Its Python packages."""
SYSTEM_32 = CACHE / "armhf"
"""The root of the one of 32 bits, which has no TVM: there is none for it."""
QEMU, QEMU_32 = "qemu-aarch64-static", "qemu-arm-static"
_OWN_QEMU = CACHE / "qemu" / "usr" / "bin"
_CONTENTS = "contents"
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
    return qemu() is not None and _contents(SYSTEM) == _wanted()


def complete_32() -> bool:
    """Return whether there is all for 32 bits."""
    return qemu(QEMU_32) is not None and _contents(SYSTEM_32) == "\n".join(_PACKAGES_32)


def main() -> None:
    """Fetch what is missing."""
    if complete() and complete_32():
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        print("No apt here: the tests under emulation will be skipped. They run on Debian.")
        return
    if qemu() is None:
        print("fetching qemu", flush=True)
        _unpack_packages(_native_architecture(), ("qemu-user-static",), CACHE / "qemu")
    if not complete():
        print("fetching Debian and TVM for 64-bit ARM (130 MB)", flush=True)
        with _new(SYSTEM, _wanted()) as building:
            _unpack_packages("arm64", _PACKAGES, building)
            _unpack_wheels(building)
    if not complete_32():
        print("fetching Debian for 32-bit ARM (20 MB)", flush=True)
        with _new(SYSTEM_32, "\n".join(_PACKAGES_32)) as building:
            _unpack_packages("armhf", _PACKAGES_32, building)


def _contents(system: Path) -> str:
    contents = system / _CONTENTS
    return contents.read_text() if contents.exists() else ""


@contextmanager
def _new(system: Path, contents: str) -> Iterator[Path]:
    """Give the folder that becomes the root of a system when all has gone well."""
    shutil.rmtree(system, ignore_errors=True)
    building = system.with_name(f"{system.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    yield building
    (building / _CONTENTS).write_text(contents)
    building.rename(system)


def _wanted() -> str:
    return "\n".join([*_PACKAGES, *_requirements()])


def _requirements() -> list[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _native_architecture() -> str:
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _unpack_packages(architecture: str, names: Sequence[str], folder: Path) -> None:
    """Unpack Debian packages and all they depend on into a folder.

    apt gets a state of its own, in which nothing is installed and only one architecture exists.
    """
    state = CACHE / f"apt-{architecture}"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
        "Dir::Cache": state / "cache",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    # One archive of several that is out of step with its index must not stop the others.
    subprocess.run([*apt, "update"], check=False)
    _run([*apt, "install", "--download-only", "-y", "--no-install-recommends", *names])
    folder.mkdir(parents=True, exist_ok=True)
    for package in sorted((state / "cache" / "archives").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder)])
    shutil.rmtree(state)


def _unpack_wheels(system: Path) -> None:
    version = (system / "usr/bin/python3").resolve().name.removeprefix("python")
    wheels = CACHE / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    _run(
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


def _run(command: Sequence[str]) -> None:
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stderr}")


if __name__ == "__main__":
    main()
