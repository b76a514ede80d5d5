"""The builder: from points of the design space to shared libraries, in worker processes."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tvm.ir.utils import derived_object
from tvm.s_tir.meta_schedule.builder import BuilderInput, BuilderResult, PyBuilder
from tvm.support.popen_pool import PopenPoolExecutor
from tvm.target import Target

from ..schedules.operation import Operation
from ..target import parse_target
from .evaluate import start_worker
from .kernel import build_kernel
from .space import Point, point_of

# TVM's workers grow with every build.
_USES = 200
_SECONDS = 120


class Builders:
    """Worker processes that compile kernels, and the folder in which they put them."""

    def __init__(self, target: Target, workers: int) -> None:
        """Start no process yet: each starts with its first kernel."""
        self._target = str(target)
        self._folder = tempfile.TemporaryDirectory(prefix="tvm_snn_")
        self._pool = PopenPoolExecutor(
            max_workers=workers,
            timeout=_SECONDS,
            initializer=start_worker,
            maximum_process_uses=_USES,
        )

    @property
    def folder(self) -> str:
        """Where the libraries lie until the block ends."""
        return self._folder.name

    def submit(self, operation: Operation, point: Point) -> Any:
        """Return a future of the path of a library; it raises what went wrong."""
        return self._pool.submit(
            _build, operation.data(), point.strategy, point.config, self._target, self.folder
        )

    def __enter__(self) -> "Builders":
        """Nothing has to be done."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes and delete what they made."""
        self._pool.shutdown(wait=False)
        self._folder.cleanup()


def _build(
    description: dict[str, Any], strategy: str, config: dict[str, int], target: str, folder: str
) -> str:
    operation = Operation.from_data(description)
    library = build_kernel(operation, strategy, config, parse_target(target))
    handle, path = tempfile.mkstemp(suffix=".so", dir=folder)
    os.close(handle)
    Path(path).write_bytes(library)
    return path


@derived_object
class KernelBuilder(PyBuilder):
    """MetaSchedule's builder over :class:`Builders`."""

    def __init__(self, builders: Builders, stopped: Callable[[], bool]) -> None:
        """Build until `stopped` says that the user has had enough."""
        super().__init__()
        self.builders = builders
        self.stopped = stopped

    def build(self, build_inputs: list[BuilderInput]) -> list[BuilderResult]:
        """Return for each point the path of its library, or what went wrong."""
        futures = [self.builders.submit(*point_of(given.mod)) for given in build_inputs]
        return [self._result(future) for future in futures]

    def _result(self, future: Any) -> BuilderResult:
        if self.stopped() and not future.done() and future.cancel():
            return BuilderResult(None, "stopped")
        try:
            return BuilderResult(future.result(), None)
        except TimeoutError:
            return BuilderResult(None, "compiling it took too long")
        except Exception as error:
            # Whatever happened in the worker, its own death included.
            return BuilderResult(None, str(error) or type(error).__name__)
