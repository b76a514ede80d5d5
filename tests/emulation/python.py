"""A board's Python, emulated: of 64 or of 32 bits, with numpy."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.emulation.provision import (
    QEMU,
    QEMU_32,
    ROOT,
    SITE,
    SYSTEM,
    SYSTEM_32,
    complete,
    complete_32,
    qemu,
)


def run_capi(library: Path, inputs: Sequence[NDArray], outputs: int, cpu: str) -> list[NDArray]:
    """Run a C library as `docs/c-runtime.md` has it on a board: `python3 capi.py NETWORK INPUT`.

    Skips the test where there is no such system.
    """
    wide = cpu != "cortex-a9"
    if not (complete() if wide else complete_32()):
        pytest.skip("needs what `python -m tests.emulation.provision` fetches")
    folder = library.parent
    shutil.copy(ROOT / "tvm_snn" / "capi.py", folder)
    for at, array in enumerate(inputs):
        np.save(folder / f"input{at}.npy", array)
    system = SYSTEM if wide else SYSTEM_32
    command = [
        *(str(qemu(QEMU if wide else QEMU_32)), "-cpu", cpu, "-L", str(system)),
        *(str(system / "usr/bin/python3"), "capi.py", f"./{library.name}"),
        *(f"input{at}.npy" for at in range(len(inputs))),
    ]
    for at in range(outputs):
        command += ["-o", f"output{at}.npy"]
    environment = {**os.environ, "PYTHONHOME": f"{system}/usr", "PYTHONPATH": str(SITE)}
    if not wide:
        # Where Debian's numpy is, and what it links to, which dpkg's scripts would have named.
        libraries = f"{system}/usr/lib/arm-linux-gnueabihf"
        environment["PYTHONPATH"] = f"{system}/usr/lib/python3/dist-packages"
        environment["LD_LIBRARY_PATH"] = f"{libraries}/blas:{libraries}/lapack"
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return [np.load(folder / f"output{at}.npy") for at in range(outputs)]
