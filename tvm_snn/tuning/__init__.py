"""Tuning: measuring which strategy, in which configuration, computes each layer fastest."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import TuningError
from ..target import TargetLike, split_accelerator

if TYPE_CHECKING:
    from .accelerator.result import TilingResult
    from .result import TuningResult

_NEEDED = ("cloudpickle", "psutil", "tornado", "xgboost")


def tune(
    model: Any,
    target: TargetLike = "host",
    *,
    example_inputs: Sequence[Any] | None = None,
    records: str | Path,
    trials: int = 64,
    runner: str = "local",
    threads: int = 1,
    seed: int = 0,
) -> "TuningResult | TilingResult":
    """Measure how each binary or sub-bit layer of a model is computed fastest.

    `model`, `target` and `example_inputs` are those of :func:`tvm_snn.compile`. `trials` kernels
    of every distinct layer are measured, by `runner`: "local", or "rpc://host:port/key" for the
    servers with that key behind an RPC tracker. Kernels run on `threads` threads. What beats the
    cost model's choice, measured in turns at the end, is written to the file `records`, beside
    what that holds for other layers and targets; `tvm_snn.compile(..., records=...)` uses it.

    Everything measured is also written to a folder beside `records` at once, so that a run that
    was stopped goes on from there.

    Of a target with an accelerator ("pynq-z2"), it is tuned how the accelerator's layers are cut
    and ordered: `trials` cuts of every kind of layer, in which the whole region's cycles are
    counted, by the `runner` "local" on the RTL, by "model" in the cycle model. What takes fewer
    cycles than the estimated best is written to `records` at once, a file of its own kind.

    Raises TuningError when nothing could be measured, TargetError
    when the machine cannot run the target's code, RecordsError when `records` is there and is
    malformed, KeyboardInterrupt when the user stops the run.
    """
    check_requirements()
    _, hardware = split_accelerator(target)
    if hardware is not None:
        from .accelerator.run import tune_accelerator

        return tune_accelerator(model, hardware, example_inputs, records, trials, runner, seed)
    from .run import run

    return run(model, target, example_inputs, records, trials, runner, threads, seed)


def check_requirements() -> None:
    """Raise TuningError when a package is missing that only tuning needs.

    MetaSchedule would fail at every build without one of them, and carry on.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise TuningError(
            f"Tuning needs {', '.join(missing)}, which is not installed: "
            'pip install "tvm_snn[tune]".'
        )
