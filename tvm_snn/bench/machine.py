"""What a reader needs to judge a figure: the machine, what else ran on it, versions, the date."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..threads import usable_cores
from ..version import __version__

_PACKAGES = ("apache-tvm", "numpy", "onnxruntime", "openvino", "torch")
_INSTRUCTIONS = (
    *("avx2", "avx512bw", "avx512vbmi", "avx512_vnni", "avx512_vpopcntdq"),
    *("avx_vnni", "amx_int8", "amx_bf16"),
)
"""Those that decide which kernels of which engine can run, by Linux's names."""
_LIMIT = "ONEDNN_MAX_CPU_ISA"
"""The variable that keeps OpenVINO and PyTorch from some of them."""


def machine() -> dict[str, str]:
    """Return the facts, by what they are called in a table."""
    processor = _cpuinfo("model name") or platform.processor() or platform.machine()
    present = _cpuinfo("flags").split()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor,
        "instructions": " ".join(name for name in _INSTRUCTIONS if name in present),
        _LIMIT: os.environ.get(_LIMIT, "not set"),
        "usable cores": str(usable_cores()),
        "load before the run": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "tvm_snn": __version__,
        **{name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpuinfo(key: str) -> str:
    """Return what Linux says of the first processor, or nothing."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(key)]
    return values[0] if values else ""
