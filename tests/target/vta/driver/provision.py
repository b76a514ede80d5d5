"""Fetch the `pynq` package with what it requires, into a folder of the user's cache.

    python -m tests.target.vta.driver.provision

It wants another numpy than this project and would disturb its environment; a board's Python has
nothing of tvm_snn anyway.
"""

import shutil
import subprocess
import sys

from tests import debian

REQUIREMENT = "pynq == 4.0.0"
CACHE = debian.CACHE / "pynq"
SITE = CACHE / REQUIREMENT.replace(" == ", "-")
"""The packages: a board's `site-packages`."""


def main() -> None:
    """Fetch what is not there."""
    if SITE.exists():
        return
    print(f"fetching {REQUIREMENT} (60 MB)", flush=True)
    building = CACHE / "new"
    shutil.rmtree(building, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(building), REQUIREMENT], check=True)
    building.rename(SITE)


if __name__ == "__main__":
    main()
