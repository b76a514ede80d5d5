"""The server on a board: TVM's RPC with the calls of `service`, one session at a time.

Every session is a process forked from this one, which has imported everything already: a session
that crashes takes nothing along, and one that ends leaves nothing behind.
"""

import ctypes
import errno
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..errors import RemoteError
from ..tvm_api import serve_rpc
from . import service
from .address import Address
from .deadline import within

_LOG = logging.getLogger("RPCServer")
_PARENT_DEATH_SIGNAL = 1
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3


@dataclass(frozen=True)
class Tracker:
    """The tracker that a board offers itself to."""

    address: Address
    key: str
    """What boards of this kind are called there."""
    own_address: str
    """The name or number under which others reach this board; "" is as the tracker sees it."""


def serve(address: Address, tracker: Tracker | None, ready: Callable[[Address], None]) -> None:
    """Serve until the process ends; `ready` is told the address, whose port 0 means a free one.

    Raises RemoteError when the address cannot be had.
    """
    listener = _listen(address)
    service.register()
    # The functions registered above, and all imports, are in a process that is forked.
    multiprocessing.set_start_method("fork", force=True)
    os.register_at_fork(after_in_child=partial(_end_with_parent, os.getpid()))
    ready(Address(address.host, listener.getsockname()[1]))
    try:
        # Ctrl-C is for the main thread, which only waits: raised while a session is forked, it
        # would be lost.
        within(threading.TIMEOUT_MAX, partial(_serve_sessions, listener, tracker))
    finally:
        # Python would wait for the session to end.
        for session in multiprocessing.active_children():
            session.kill()


def _serve_sessions(listener: socket.socket, tracker: Tracker | None) -> None:
    folder = os.getcwd()
    while True:
        try:
            serve_rpc(
                listener,
                key=tracker.key if tracker else "",
                tracker=tracker.address.pair if tracker else None,
                own_address=(tracker.own_address or None) if tracker else None,
            )
        except (RuntimeError, AssertionError) as error:
            # A session that crashed, or a tracker that is none (yet): others go on.
            _LOG.warning("%s", error)
            os.chdir(folder)


def _listen(address: Address) -> socket.socket:
    try:
        family = socket.getaddrinfo(address.host, address.port)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit these: who vanished without a word frees the board again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
        listener.bind((address.host, address.port))
    except OSError as error:
        hint = " Give another --port." if error.errno == errno.EADDRINUSE else ""
        raise RemoteError(
            f"Cannot listen at {address}: {error.strerror or error}.{hint}"
        ) from error
    listener.listen(1)
    return listener


def _end_with_parent(server: int) -> None:
    """Let Linux end a session's process when the server's is killed, or end it now if it was."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
