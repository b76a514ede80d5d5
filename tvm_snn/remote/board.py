"""A connection to a board."""

import socket
from collections.abc import Sequence
from typing import Any

import tvm
from numpy.typing import NDArray

from .. import errors
from ..errors import RemoteError, SnnError
from ..machine import Machine
from ..progress import phase
from ..tvm_api import RpcConnection
from . import protocol
from .address import Address, parse_address
from .deadline import within
from .description import machine_of
from .messages import decode, encode
from .network import RemoteNetwork

_CONNECT_SECONDS = 20
_HELP = "`tvm-snn serve` on the board starts one; docs/raspberry-pi.md has the way there."


class Board:
    """A machine that `tvm-snn serve` runs on. It belongs to this connection until it is closed.

    A context manager; after an answer did not come, or the board vanished, every call says so.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        """Connect to the server at an address; see :func:`connect`."""
        self.address = address
        self._timeout = timeout
        self._lost = ""
        self._connection: RpcConnection | None = _open(address)
        self._functions: dict[str, Any] = {}
        self.machine = self._describe()

    def load(self, network: Any, *, num_threads: int | None = None) -> RemoteNetwork:
        """Bring a network to the board: a compiled one, or the path of an artifact.

        It runs there on `num_threads` threads, by default on every core. Raises ArtifactError when
        it is damaged or was compiled for another machine, which is found before it travels,
        RemoteError when the board does not answer.
        """
        return RemoteNetwork.load(self, network, num_threads)

    def call(
        self,
        name: str,
        data: dict[str, Any],
        arrays: Sequence[NDArray] = (),
        *,
        times: int = 1,
    ) -> tuple[dict[str, Any], list[NDArray]]:
        """Make one of the calls of `protocol`, which may take `times` the time-out.

        Raises what the board raised, or RemoteError when it is gone.
        """
        if self._lost:
            raise RemoteError(f"The connection to {self.address} is closed: {self._lost}.")
        message = encode(data, arrays)
        seconds = self._timeout * times
        try:
            answer, results = decode(within(seconds, lambda: self._function(name)(message)))
        except TimeoutError as error:
            raise self._lose(
                f"it gave {error}; it is computing still, or has lost power or network. A longer "
                "time-out can be given"
            ) from error
        except Exception as error:
            # TVM raises one of several exceptions when the other side has gone, or crashed.
            raise self._lose(
                f"it vanished in the middle of a call ({_first_line(error)})"
            ) from error
        if protocol.ERROR in answer:
            kind = getattr(errors, answer[protocol.ERROR], SnnError)
            raise kind(f"{self.address}: {answer['message']}")
        return answer, results

    def close(self) -> None:
        """End the session: the board is free for others."""
        self._lost = self._lost or "it was closed here"
        self._functions.clear()
        self._connection = None

    def __enter__(self) -> "Board":
        """Nothing has to be done."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the session."""
        self.close()

    def _lose(self, reason: str) -> RemoteError:
        if self._connection is not None:
            self._connection.abort()
        self._lost = reason
        self.close()
        return RemoteError(
            f"The board at {self.address} does not answer: {reason}. Look whether `tvm-snn serve` "
            "still runs there, and connect anew."
        )

    def _function(self, name: str) -> Any:
        if name not in self._functions:
            assert self._connection is not None
            self._functions[name] = self._connection.function(name)
        return self._functions[name]

    def _describe(self) -> Machine:
        try:
            answer, _ = self.call(protocol.DESCRIBE, {})
        except RemoteError as error:
            self.close()
            raise RemoteError(
                f"What answers at {self.address} is an RPC server, but not that of tvm_snn. {_HELP}"
            ) from error
        versions = {"protocol": protocol.VERSION, "tvm": tvm.__version__}
        for name, own in versions.items():
            if answer[name] != own:
                self.close()
                raise RemoteError(
                    f"The board at {self.address} has {name} {answer[name]} (tvm_snn "
                    f"{answer['tvm_snn']}), here is {name} {own}. Install the same version of "
                    "tvm_snn on both."
                )
        return machine_of(answer)


def connect(address: str, *, timeout: float = 60.0) -> Board:
    """Connect to a board on which `tvm-snn serve` runs.

    `address` is "host:port" or "host" (port 9090). No single call may take longer than `timeout`
    seconds. Raises RemoteError when nothing answers there, when somebody else uses the board, or
    when its version of tvm_snn is another one.
    """
    return Board(parse_address(address, protocol.DEFAULT_PORT), timeout)


def _open(address: Address) -> RpcConnection:
    try:
        socket.create_connection(address.pair, _CONNECT_SECONDS).close()
    except OSError as error:
        raise RemoteError(f"Nothing answers at {address}: {error}. {_HELP}") from error
    try:
        with phase(f"connecting to {address}"):
            return within(_CONNECT_SECONDS, lambda: RpcConnection(*address.pair))
    except TimeoutError as error:
        raise RemoteError(
            f"What listens at {address} does not answer: another session uses the board, or it is "
            "no RPC server. A board serves one session at a time: wait for it, or end it there."
        ) from error
    except Exception as error:
        # TVM raises several exceptions when the other side does not speak its protocol.
        raise RemoteError(
            f"What answers at {address} is no RPC server ({_first_line(error)}). {_HELP}"
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
