"""A network that runs on a board."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tvm import relax

from ..artifact import Artifact, read_artifact, write_artifact
from ..compiled_network import CompiledNetwork, KernelCall, Result
from ..conditions import Conditions
from ..errors import ArtifactError
from ..link import link
from ..measurement import Times
from ..progress import phase
from ..target import parse_target
from . import protocol

if TYPE_CHECKING:
    from .board import Board


class RemoteNetwork(CompiledNetwork):
    """A compiled network on a board. It is called, profiled and verified like one that is here."""

    def __init__(self, board: "Board", artifact: Artifact, number: int, threads: int) -> None:
        """Show a network that the board has under a number."""
        super().__init__(artifact)
        self._board = board
        self._number = number
        self._threads = threads

    @classmethod
    def load(cls, board: "Board", network: Any, num_threads: int | None) -> "RemoteNetwork":
        """Bring a network to a board; see :meth:`Board.load`."""
        artifact = (
            network.artifact if isinstance(network, CompiledNetwork) else read_artifact(network)
        )
        misfit = artifact.requirements.misfit(board.machine)
        if misfit is not None:
            raise ArtifactError(f"{board.address}: {misfit}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.snn"
            write_artifact(artifact, path)
            data = np.fromfile(path, np.uint8)
        with phase(f"sending {data.size:,} bytes to {board.address}"):
            answer, _ = board.call(protocol.LOAD, {"threads": num_threads}, [data])
        return cls(board, artifact, answer["network"], answer["threads"])

    @property
    def num_threads(self) -> int:
        """How many threads the network runs on, on the board; None sets the default."""
        return self._threads

    @num_threads.setter
    def num_threads(self, count: int | None) -> None:
        answer, _ = self._call(protocol.SET_THREADS, {"threads": count})
        self._threads = answer["threads"]

    def unload(self) -> None:
        """Free what the board keeps for this network."""
        self._call(protocol.UNLOAD, {})

    def capture(self, arrays: Sequence[Any]) -> list[KernelCall]:
        """Run once and return every kernel call: its name, and its arguments after it."""
        answer, buffers = self._call(protocol.CAPTURE, {}, self.check_inputs(arrays, {}))
        rest = iter(buffers)
        return [(name, [next(rest) for _ in range(count)]) for name, count in answer["calls"]]

    def measure(self, arrays: Sequence[Any], runs: int) -> Times:
        """Measure on the board: see `measurement.measure`."""
        inputs = self.check_inputs(arrays, {})
        answer, _ = self._call(protocol.MEASURE, {"runs": runs}, inputs, times=1 + 2 * runs)
        times = answer["times"]
        return Times(
            whole=tuple(times["whole"]),
            kernels=tuple(map(tuple, times["kernels"])),
            before=Conditions(**times["before"]),
            after=Conditions(**times["after"]),
        )

    def compute(
        self, executable: relax.VMExecutable, inputs: Sequence[NDArray], weights: Sequence[NDArray]
    ) -> list[NDArray]:
        """Run another executable for the same target on the board, and return its outputs."""
        library = link(executable, parse_target(self.artifact.target)).data
        operands = [np.frombuffer(library, np.uint8), *inputs, *weights]
        return self._call(protocol.COMPUTE, {"inputs": len(inputs)}, operands)[1]

    def _run(self, arrays: Sequence[NDArray]) -> Result:
        _, outputs = self._call(protocol.RUN, {}, arrays)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _call(
        self, name: str, data: dict[str, Any], arrays: Sequence[NDArray] = (), *, times: int = 1
    ) -> tuple[dict[str, Any], list[NDArray]]:
        return self._board.call(name, {"network": self._number, **data}, arrays, times=times)
