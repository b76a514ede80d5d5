"""A TVM compiler extension for binary and sub-bit neural networks.

>>> import tvm_snn
>>> network = tvm_snn.compile(model, target="host", example_inputs=(x,))
>>> network(x)
>>> print(network.report())
>>> network.save("net.snn")
"""

from importlib.util import find_spec
from typing import Any

from .version import __version__

# A board that runs networks in C has no TVM, and needs nothing but tvm_snn.capi.
if find_spec("tvm") is not None:
    from .compiled_network import CompiledNetwork
    from .compiler import compile, inspect, verify
    from .errors import (
        ArtifactError,
        ModelError,
        RecordsError,
        RemoteError,
        SnnError,
        TargetError,
        TuningError,
        UnsupportedOperatorError,
        VerificationError,
    )
    from .following import Followed, follow
    from .network import Network, load
    from .profiling import Profile, profile
    from .remote import Board, connect
    from .report import LayerRow, Report
    from .tuning import tune
    from .verification import Verification
else:

    def __getattr__(name: str) -> Any:
        """Say what is missing."""
        raise AttributeError(
            f"tvm_snn.{name} is not there, for TVM is not installed: `pip install tvm_snn` brings "
            "it. Without TVM, tvm_snn.capi runs networks that were compiled with --runtime c."
        )


__all__ = [
    "ArtifactError",
    "Board",
    "CompiledNetwork",
    "Followed",
    "LayerRow",
    "ModelError",
    "Network",
    "Profile",
    "RecordsError",
    "RemoteError",
    "Report",
    "SnnError",
    "TargetError",
    "TuningError",
    "UnsupportedOperatorError",
    "Verification",
    "VerificationError",
    "__version__",
    "compile",
    "connect",
    "follow",
    "inspect",
    "load",
    "profile",
    "tune",
    "verify",
]
