"""Networks on another machine: `tvm-snn serve` there, `connect` here."""

from .board import Board, connect
from .network import RemoteNetwork

__all__ = ["Board", "RemoteNetwork", "connect"]
