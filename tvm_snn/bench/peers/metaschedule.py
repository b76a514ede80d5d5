"""TVM's own float32 convolution, tuned by MetaSchedule with its default design space.

Tuning takes minutes, so its database is kept in a folder and used from then on. TVM offers no
scheduled float convolution without tuning.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tvm
from rich.progress import Progress
from tvm import te, topi
from tvm.s_tir import meta_schedule as ms
from tvm.target import Target

from ...errors import SnnError
from ...target import parse_target
from ..layers_of_resnet18 import Layer
from ..quiet import quiet
from ..timing import Contender
from .convolutions import convolution
from .exported import ExportedNetwork

_PATIENCE = 240
"""Seconds that building or running a candidate may take."""


class MetaSchedule:
    """The engine over the records in a folder."""

    NAME = "TVM MetaSchedule"

    def __init__(self, folder: Path) -> None:
        """Use the records in `folder`, in a folder of this machine's processor."""
        host = parse_target("host")
        self._target = Target({**host.export(), "num-cores": 1})
        self._folder = folder / str(host.attrs["mcpu"])

    def tune(self, layers: Sequence[Layer], trials: int, progress: Progress) -> None:
        """Tune the layers that have no record yet, with so many trials each."""
        task = progress.add_task("tuning TVM's float32 convolutions", total=len(layers))
        for layer in layers:
            if self._tuned(layer) is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                with quiet():
                    ms.tune_tir(
                        _convolution(layer),
                        self._target,
                        str(self._folder),
                        trials,
                        num_trials_per_iter=min(trials, 16),
                        # Some candidates take LLVM long: by default they would all be given up.
                        builder=ms.builder.LocalBuilder(timeout_sec=_PATIENCE),
                        runner=ms.runner.LocalRunner(timeout_sec=_PATIENCE),
                        # The default population takes a minute a batch.
                        strategy=ms.search_strategy.EvolutionarySearch(population_size=64),
                        num_tuning_cores=1,
                        seed=0,
                    )
                if self._tuned(layer) is None:
                    raise SnnError(
                        f"MetaSchedule measured nothing for {layer.name} in {trials} trials; its "
                        f"logs are in {self._folder}."
                    )
            progress.advance(task)
        progress.remove_task(task)

    def layer_contenders(self, layer: Layer, threads: int) -> dict[str, Contender]:
        """Return the tuned convolution, channels last, if the layer was tuned."""
        del threads  # TVM's pool is set for all that TVM runs.
        tuned = self._tuned(layer)
        if tuned is None:
            return {}
        schedule, trials = tuned
        run = tvm.compile(schedule.mod, self._target)["main"]
        conv = convolution(layer)
        n, outputs, height, width = conv.expected.shape
        data, weight = (
            tvm.runtime.tensor(np.ascontiguousarray(array))
            for array in (conv.data.transpose(0, 2, 3, 1), conv.weight.transpose(2, 3, 1, 0))
        )
        result = tvm.runtime.tensor(np.zeros((n, height, width, outputs), np.float32))
        run(data, weight, result)
        return {
            "float32": Contender(
                lambda: run(data, weight, result),
                lambda: result.numpy().transpose(0, 3, 1, 2),
                kernel=f"after {trials} trials",
            )
        }

    def network_contenders(self, network: ExportedNetwork, threads: int) -> dict[str, Contender]:
        """Return nothing: whole networks are not tuned."""
        del network, threads
        return {}

    def _tuned(self, layer: Layer) -> tuple[tvm.s_tir.Schedule, int] | None:
        """Return the best schedule of a layer and how many were tried, if it was tuned."""
        if not self._folder.is_dir():
            return None
        database = ms.database.JSONDatabase(work_dir=str(self._folder))
        schedule = database.query_schedule(_module(layer), self._target, "main")
        if schedule is None:
            return None
        workload = database.commit_workload(_module(layer))
        records = database.get_all_tuning_records()
        return schedule, sum(record.workload.same_as(workload) for record in records)


def _module(layer: Layer) -> tvm.IRModule:
    return tvm.IRModule({"main": _convolution(layer)})


def _convolution(layer: Layer) -> tvm.tirx.PrimFunc:
    size, channels, outputs = layer.size, layer.channels, layer.outputs
    data = te.placeholder((1, size, size, channels), name="data")
    weight = te.placeholder((3, 3, channels, outputs), name="weight")
    result = topi.nn.conv2d_nhwc(data, weight, layer.stride, 1, 1)
    function = te.create_prim_func([data, weight, result])
    return function.with_attr("global_symbol", "main")
