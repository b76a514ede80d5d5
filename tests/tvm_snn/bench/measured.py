"""Rows as a run of the benchmark would give them, and what is small enough to be measured."""

from rich.progress import Progress

from tvm_snn.bench.layers_of_resnet18 import LAYERS, Layer
from tvm_snn.bench.rows import Row
from tvm_snn.bench.timing import Timing

TINY = Layer(channels=16, outputs=24, size=5, stride=2, count=1)
CONVOLUTIONS = sum(layer.count for layer in LAYERS.values())


def silent() -> Progress:
    return Progress(disable=True)


def row(subject: str, kind: str, microseconds: float, **fields: object) -> Row:
    """A row of onnxruntime at one thread, unless `fields` say something else."""
    values = {"target": "", "engine": "onnxruntime", "kernel": "", "chosen": False, "threads": 1}
    timing = Timing(microseconds / 2, microseconds, microseconds, microseconds)
    return Row(subject=subject, kind=kind, microseconds=timing, **{**values, **fields})


def ours(subject: str, kind: str, microseconds: float, **fields: object) -> Row:
    """A row of ours for AVX-512, the chosen strategy unless `fields` say something else."""
    values = {"engine": "tvm_snn", "target": "AVX-512", "kernel": "lookup", "chosen": True}
    return row(subject, kind, microseconds, **{**values, **fields})


def every_layer(make, kind: str, microseconds: float, **fields: object) -> list[Row]:
    return [make(layer, kind, microseconds, **fields) for layer in LAYERS]
