"""The private corners of TVM that this project needs, each with the reason it is touched.

TVM's Python API moves between releases. What is private stands here and nowhere else, so that a
new release means one file to read.
"""

import inspect
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import tvm
import tvm.ir._ffi_api
import tvm.rpc
import tvm.script.parser.core.parser
import tvm.tirx.script.parser.entry
import tvm_ffi
from tvm import relax, tirx

# A thread of TVM's pool that has nothing to do offers its processor to others so many times before
# it sleeps, and TVM takes the number from the environment only. Its own 300,000 are a tenth of a
# second on an idle machine; where others want the processor each offer lasts as long as their turn,
# and the thread, and the end of its process, which waits for it, take minutes to hours. This is
# half a millisecond: longer than a network's pauses between two parallel loops.
os.environ.setdefault("TVM_THREAD_POOL_SPIN_COUNT", "1000")


def register_op(name: str, doc: str) -> tvm.ir.Op:
    """Return the operator called `name`, registering it when it is new.

    TVM offers no public way to create an operator from Python; registering a name twice aborts,
    so an operator that is there (after a module reload, say) is handed back as it is.
    """
    if name not in tvm.ir.Op.list_op_names():
        tvm.ir._ffi_api.RegisterOp(name, doc)
    return tvm.ir.Op.get(name)


def make_attrs(**values: Any) -> tvm.ir.Attrs:
    """Return an attribute dictionary for a call: ints, strings, lists of ints, dictionaries.

    `ir.DictAttrs` has no public constructor.
    """
    return tvm.ir.make_node("ir.DictAttrs", **values)


def attrs_dict(call: relax.Call) -> dict[str, Any]:
    """Return the attributes of a call made with :func:`make_attrs` as plain Python values."""
    return {key: _plain(call.attrs[key]) for key in call.attrs.keys()}  # noqa: SIM118


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, tvm_ffi.Map):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value]


def host_cpu_features() -> frozenset[str]:
    """Return LLVM's names of what this machine's processor can do.

    `tvm.target.codegen` wraps the features that a cpu's name implies; those the processor really
    has (a virtual machine may hide some) are only a registered function.
    """
    features = tvm_ffi.get_global_func("tvm.codegen.llvm.GetHostCPUFeatures")()
    return frozenset(str(name) for name, present in features.items() if present)


def configure_threads(count: int, processors: Sequence[int]) -> None:
    """Limit TVM's thread pool of the calling thread to `count` threads.

    The pool, if this is its first use, gets as many threads as there are `processors`; all of them
    may run on any of these, the calling thread too. TVM has the function in its registry only; -3
    is its `kSpecifyThreadShareAllCore`.
    """
    configure = tvm_ffi.get_global_func("runtime.config_threadpool")
    configure(-3, count, [str(processor) for processor in processors])


_THREADS_OF_POOL = "runtime.NumThreads"


def thread_count() -> int:
    """Return how many threads the pool of the calling thread uses; starts the pool."""
    return int(tvm_ffi.get_global_func(_THREADS_OF_POOL)())


def threads_of_pool() -> tvm.ir.Expr:
    """Return :func:`thread_count` as a kernel asks for it when it runs, as int64."""
    return tirx.Cast("int64", tirx.call_packed(_THREADS_OF_POOL))


def asks_for_threads(call: tvm.ir.Call) -> bool:
    """Return whether a call in a kernel is that of :func:`threads_of_pool`."""
    packed = getattr(call.op, "name", "") == "tirx.tvm_call_packed"
    return packed and str(getattr(call.args[0], "value", "")) == _THREADS_OF_POOL


def lower_kernels(
    kernels: Mapping[str, tirx.PrimFunc], target: tvm.target.Target
) -> dict[str, tirx.PrimFunc]:
    """Take scheduled kernels through TVM's own lowering, up to its packed calling convention.

    TVM offers the pipeline whole, code generation included, or as parts under an internal name.
    """
    named = {name: kernel.with_attr("global_symbol", name) for name, kernel in kernels.items()}
    module = tirx.transform.BindTarget(target.with_host(target))(tvm.IRModule(named))
    pipeline, _, _ = tirx.get_default_tir_pipeline(target)
    lowered = pipeline(module)
    return {str(name.name_hint): kernel for name, kernel in lowered.functions_items()}


def generate_object(kernels: Mapping[str, tirx.PrimFunc], target: tvm.target.Target) -> bytes:
    """Return the object file of kernels that are lowered.

    Neither the passes after lowering nor the code generator alone have a public name.
    """
    _, finish, _ = tirx.get_default_tir_pipeline(target)
    module = finish()(tvm.IRModule(dict(kernels)))
    built = tvm_ffi.get_global_func("target.build.llvm")(module, target)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.o"
        built.write_to_file(str(path), "o")
        return path.read_bytes()


def serve_rpc(
    listener: socket.socket, key: str, tracker: tuple[str, int] | None, own_address: str | None
) -> None:
    """Serve RPC sessions, one at a time, each in a process forked from this one; never returns.

    Raises RuntimeError when a session crashed. `tvm.rpc.Server` would start another Python, which
    imports TVM anew (seconds on a board), and stops listening for good when a session crashes.
    """
    tvm.rpc.server._listen_loop(
        listener, listener.getsockname()[1], key, tracker, None, own_address
    )


class RpcConnection:
    """A session with an RPC server, which ends with the last reference to it and its functions."""

    def __init__(self, host: str, port: int) -> None:
        """Connect; waits until the server is free."""
        before = _sockets()
        self._session = tvm.rpc.connect(host, port)
        self._socket = _socket_to(port, _sockets() - before)

    def function(self, name: str) -> Any:
        """Return a function that the server has registered."""
        return self._session.get_function(name)

    def abort(self) -> None:
        """Break the connection, so that a call that waits for an answer fails.

        TVM waits for ever, and frees nothing of the session while it does.
        """
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _sockets() -> set[tuple[int, int]]:
    """Return the sockets of this process: descriptors, and inodes, of which none is used twice."""
    found = set()
    for name in os.listdir("/dev/fd"):
        # Listing the folder has opened a file, too, which is gone now.
        with suppress(OSError):
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found.add((int(name), status.st_ino))
    return found


def _socket_to(port: int, sockets: set[tuple[int, int]]) -> socket.socket:
    """Return the socket with which TVM has connected to a port: it keeps it to itself."""
    for descriptor, _ in sockets:
        try:
            found = socket.socket(fileno=os.dup(descriptor))
            if found.getpeername()[1] == port:
                return found
            found.close()
        except OSError:
            # Another thread's, closed or not connected.
            continue
    raise RuntimeError(f"the connection to port {port} was closed at once")


@contextmanager
def without_tensor_intrinsics() -> Iterator[None]:
    """Keep MetaSchedule from importing the tensor intrinsics of every target there is.

    They are a few hundred functions in TVMScript, which takes most of a minute, and none of them
    has a part in our kernels; the constructor of a TuneContext imports them all the same.
    """
    name = "tvm.s_tir.tensor_intrin"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]


def quicken_script_parser() -> None:
    """Spare TVMScript's parser the search for sources that it does not read.

    Every kernel and every macro in one asks `inspect` for the call stack, with the source lines of
    each frame. Expressions are evaluated one within another, and code that was made from a string
    has no file: `inspect` then looks through all modules that are loaded, frame by frame (a tenth
    of the time to build ResNet-18, more under a profiler or with more modules). The parser reads
    the frames alone, and one line: that above which a kernel stands, which tells kernels of a class
    from others.
    """
    tvm.script.parser.core.parser.inspect = _QuickInspect("inspect")
    tvm.tirx.script.parser.entry.inspect = _QuickInspect("inspect")


class _QuickInspect(ModuleType):
    """The module `inspect`, with stacks that hold the source line of one frame only."""

    _OWNER = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    def stack(self) -> list[inspect.FrameInfo]:
        frames = self.getouterframes(sys._getframe(1))
        if len(frames) > self._OWNER:
            owner = frames[self._OWNER].frame
            frames[self._OWNER] = inspect.FrameInfo(owner, *inspect.getframeinfo(owner))
        return frames

    def getouterframes(self, innermost: FrameType | None) -> list[inspect.FrameInfo]:
        frames = []
        while innermost is not None:
            code = innermost.f_code
            place = code.co_filename, innermost.f_lineno, code.co_name
            frames.append(inspect.FrameInfo(innermost, *place, None, None))
            innermost = innermost.f_back
        return frames
