"""Debian packages, unpacked into folders of the user's cache: nothing is installed, no root needed.

They come from the archives that apt is configured with.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tvm_snn"
INSTALLED = Path("/var/lib/dpkg/status")
"""What is installed on this machine, as dpkg notes it."""
_CONTENTS = "contents"


class FetchError(Exception):
    """A command that fetches or unpacks failed; says what it said."""


def has_apt() -> bool:
    """Return whether this machine has Debian's tools."""
    return all(map(shutil.which, ("apt-get", "apt-cache", "dpkg")))


def native_architecture() -> str:
    """Return Debian's name for this machine's processor."""
    return run(["dpkg", "--print-architecture"]).strip()


class Archive:
    """The packages of an architecture, seen by an apt that keeps its state in a folder of its own.

    With `beside_installed` it fetches what this machine lacks, else all that packages depend on, as
    if nothing were installed anywhere. The folder goes when the context ends.
    """

    def __init__(self, architecture: str, *, beside_installed: bool = False) -> None:
        self.state = CACHE / f"apt-{architecture}"
        for part in ("lists/partial", "cache/archives/partial"):
            (self.state / part).mkdir(parents=True, exist_ok=True)
        status = self.state / "status"
        status.write_bytes(INSTALLED.read_bytes() if beside_installed else b"")
        options = {
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Debug::NoLocking": "1",
            "Dir::Cache": self.state / "cache",
            "Dir::State": self.state,
            "Dir::State::lists": self.state / "lists",
            "Dir::State::status": status,
        }
        self._options = [f"-o{name}={value}" for name, value in options.items()]

    def __enter__(self) -> "Archive":
        # One archive of several that is out of step with its index must not stop the others.
        subprocess.run(["apt-get", "-qq", *self._options, "update"], check=False)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.state)

    def names(self, pattern: str) -> list[str]:
        """Return the packages whose names match a regular expression."""
        found = run(["apt-cache", *self._options, "search", "--names-only", pattern])
        return [line.split(" - ")[0] for line in found.splitlines()]

    def unpack(self, names: Sequence[str], folder: Path) -> None:
        """Unpack packages, with all they depend on, into a folder. Raises FetchError."""
        install = ["install", "--download-only", "-y", "--no-install-recommends"]
        run(["apt-get", "-qq", *self._options, *install, *names])
        folder.mkdir(parents=True, exist_ok=True)
        for package in sorted((self.state / "cache" / "archives").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(folder)])


def contents(folder: Path) -> str:
    """Return what a folder was filled with, or nothing where it never was to the end."""
    note = folder / _CONTENTS
    return note.read_text() if note.exists() else ""


@contextmanager
def filled(folder: Path, wanted: str) -> Iterator[Path]:
    """Give the folder that takes the place of another one when all has gone well."""
    shutil.rmtree(folder, ignore_errors=True)
    building = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    yield building
    (building / _CONTENTS).write_text(wanted)
    building.rename(folder)


def run(command: Sequence[str]) -> str:
    """Run a command and return what it wrote. Raises FetchError where it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise FetchError(f"{' '.join(command)} failed:\n{result.stderr}")
    return result.stdout
