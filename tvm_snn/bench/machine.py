"""What a reader needs to judge a figure: the machine, what else ran on it, versions, the date."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..schedules.operation import KERNELS
from ..target import host_processor
from ..threads import usable_cores
from ..version import __version__

_PACKAGES = ("apache-tvm", "numpy", "onnxruntime", "openvino", "torch")
_INSTRUCTIONS = (
    *("avx2", "avx512bw", "avx512vbmi", "avx512_vnni", "avx512_vpopcntdq"),
    *("avx_vnni", "amx_int8", "amx_bf16"),
)
"""Those that decide which kernels of which engine can run, by Linux's names."""
LIMITING = "ONEDNN_MAX_CPU_ISA"
"""The variable that keeps OpenVINO and PyTorch from some of them."""


def machine() -> dict[str, str]:
    """Return the facts, by what they are called in a table."""
    present = instructions()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": host_processor(),
        "instructions": " ".join(name for name in _INSTRUCTIONS if name in present),
        LIMITING: os.environ.get(LIMITING, "not set"),
        "usable cores": str(usable_cores()),
        "load before the run": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "tvm_snn": f"{__version__}, kernels {KERNELS}",
        **{name: package_version(name) for name in _PACKAGES},
    }


def package_version(package: str) -> str:
    """Return the version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def instructions() -> list[str]:
    """Return what Linux says that the first processor can do, or nothing."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].split() for line in lines if line.startswith("flags")), [])
