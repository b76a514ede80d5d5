"""One run, from data to a JSON file."""

import datetime
import json
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from cases import SHAPE, Case
from kernels import KernelNotes

import tvm_snn
from tvm_snn.files import replacing
from tvm_snn.training import CHECKPOINT, Data, Settings, TensorSplit, Training


@dataclass(frozen=True)
class Plan:
    """What all runs of a table have in common."""

    epochs: int = 2
    batch_size: int = 64
    learning_rate: float = 0.1
    images: int = 60000
    """Training images, the first of the data set."""
    augment: bool = False
    """Whether training images are shifted and flipped at random."""


def result_path(out: Path, case: Case) -> Path:
    """Where the result of a run is kept."""
    return out / "results" / f"{case.key}.json"


def run(case: Case, plan: Plan, data: Data, out: Path) -> dict[str, Any]:
    """Train, and write the result; a run that was begun goes on, one that is done is read.

    Raises TrainingError when the run was begun with another plan.
    """
    path = result_path(out, case)
    if path.exists():
        return read_result(path)
    folder = out / "runs" / case.key
    folder.mkdir(parents=True, exist_ok=True)
    notes = KernelNotes(folder)
    model = case.build()
    rows = Training(
        model=model,
        data=limited(data, plan.images),
        settings=Settings(
            case.method.recipe,
            plan.epochs,
            plan.batch_size,
            plan.learning_rate,
            seed=case.seed,
            description=f"{case.key} {plan}",
            compiled=True,
        ),
        folder=folder,
        checkpoint_steps=100,
        resume=(folder / CHECKPOINT).exists(),
        before_checkpoint=notes,
    ).run()
    program = torch.export.export(model, (torch.zeros(1, *SHAPE),))
    exported = out / "models" / f"{case.key}.pt2"
    exported.parent.mkdir(exist_ok=True)
    torch.export.save(program, exported)
    report = tvm_snn.inspect(program)
    result = {
        "key": case.key,
        "network": case.network,
        "sizes": case.sizes,
        "activations": case.activations,
        "method": case.method.name,
        "size": case.method.size,
        "seed": case.seed,
        "plan": asdict(plan),
        "recipe": case.method.recipe,
        "accuracy": rows[-1].test_accuracy,
        "binary_bits": report.binary_bits,
        "dense_bits": report.dense_bits,
        "bit_operations": report.binary_operations,
        "layers": [asdict(row) for row in report.rows],
        "epochs": [asdict(row) for row in rows],
        "kernels": notes.all(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }
    write_result(path, result)
    shutil.rmtree(folder)
    return result


def limited(data: Data, images: int) -> Data:
    """The data with the first `images` training images only."""
    train = data.train
    if not isinstance(train, TensorSplit):
        return data
    return Data(train.first(images), data.test, data.classes, data.shape)


def read_results(out: Path) -> list[dict[str, Any]]:
    """All results that are there."""
    return [read_result(path) for path in sorted((out / "results").glob("*.json"))]


def read_result(path: Path) -> dict[str, Any]:
    """One result."""
    return json.loads(path.read_text())


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        Path(temporary).write_text(json.dumps(result))
