"""A TVM compiler extension for binary and sub-bit neural networks.

>>> import tvm_snn
>>> network = tvm_snn.compile(model, target="host", example_inputs=(x,))
>>> network(x)
>>> print(network.report())
>>> network.save("net.snn")
"""

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
from .network import Network, load
from .profiling import Profile, profile
from .remote import Board, connect
from .report import LayerRow, Report
from .tuning import tune
from .verification import Verification
from .version import __version__

__all__ = [
    "ArtifactError",
    "Board",
    "CompiledNetwork",
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
    "inspect",
    "load",
    "profile",
    "tune",
    "verify",
]
