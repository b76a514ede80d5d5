"""A board that is emulated: `tvm-snn serve` on a Cortex-A72 under qemu."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulation.provision import ROOT, SITE, SYSTEM, qemu
from tests.serving import Server, serving

_MAPPED = ("relay_passes", "schedules", "target")
_START_SECONDS = 300


@contextmanager
def emulated_board(folder: Path) -> Iterator[Server]:
    """A server whose Python, TVM and tvm_snn run as on a Raspberry Pi 4; `folder` is scratch."""
    shutil.copytree(ROOT / "tvm_snn", folder / "tvm_snn")
    for name in _MAPPED:
        shutil.copytree(ROOT / name, folder / "tvm_snn" / name)
    command = [
        *(str(qemu()), "-cpu", "cortex-a72", "-L", str(SYSTEM), str(SYSTEM / "usr/bin/python3")),
        *("-P", "-c", "from tvm_snn.cli import main; main()", "serve", "--port", "0"),
    ]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{SITE}", "PYTHONHOME": f"{SYSTEM}/usr"}
    with serving(command, _START_SECONDS, environment) as server:
        yield server
