"""Train sub-bit networks on handwritten digits, compile them, and classify with the result.

Run by `make demo`. For W1A1 and W1A32: train a small network with tau = 5, export it through
torch.export and through ONNX, compile both for this machine, verify, save, load back from disk
and classify the held-out digits. Ends with 1 when anything does not verify.
"""

import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
from digits_explain import Logits, differing, explain
from digits_model import (
    TAU,
    Activations,
    Digits,
    build,
    load_digits,
    predict,
    train,
    with_fixed_weights,
)
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor, nn

import tvm_snn
from tvm_snn.nn import SubBitConv2d

BATCH = 60
VARIANTS: tuple[Activations, ...] = ("W1A1", "W1A32")


@dataclass(frozen=True)
class Outcome:
    """What one compiled network did on the held-out digits."""

    network: str
    """Its activations and the kind of file it was exported to."""
    torch_accuracy: float
    accuracy: float
    different: int
    """Samples of which logits or class differ by more than rounding."""
    unexplained: int
    """Of these, the samples without a reason."""
    torch_ms: float
    compiled_ms: float


@click.command()
@click.option("--out", default="artifacts/digits", type=click.Path(path_type=Path))
@click.option("--seed", default=0, help="Seeds the split, the weights, the subsets and training.")
@click.option("--epochs", default=15, help="Passes over the training images.")
def main(out: Path, seed: int, epochs: int) -> None:
    """Train, export, compile, verify, save, load and classify; print what came out."""
    console = Console()
    _quiet_exporters()
    out.mkdir(parents=True, exist_ok=True)
    data = load_digits(seed)
    console.print(
        f"scikit-learn digits: {len(data.train_images)} images to train on, "
        f"{len(data.test_images)} held out; seed {seed}; {torch.get_num_threads()} threads; "
        f"batches of {BATCH}"
    )
    outcomes = []
    for variant in VARIANTS:
        console.rule(f"{variant}, tau = {TAU}")
        model = _trained(variant, data, seed, epochs, console)
        for export, path in _exports(model, data, out / variant.lower(), console).items():
            try:
                outcomes.append(_run(model, data, variant, export, path, console))
            except tvm_snn.SnnError as error:
                console.print(f"[red]{variant} through {export} failed:[/] {escape(str(error))}")
                sys.exit(1)
    console.print(_summary(outcomes))
    if any(outcome.unexplained for outcome in outcomes):
        console.print(
            "[red]Some differences have no explanation: the compiled network is wrong.[/]"
        )
        sys.exit(1)


def _trained(
    variant: Activations, data: Digits, seed: int, epochs: int, console: Console
) -> nn.Module:
    model = build(variant, seed)
    start = time.perf_counter()
    train(model, data, epochs=epochs, seed=seed, console=console)
    correct = (predict(model, data.test_images) == data.test_labels).float().mean().item()
    seconds = time.perf_counter() - start
    console.print(
        f"trained {epochs} epochs in {seconds:.1f} s: {correct:.2%} of the held-out digits"
    )
    return model


def _exports(model: nn.Module, data: Digits, stem: Path, console: Console) -> dict[str, Path]:
    """Write the model as .pt2 and as .onnx, with a fixed batch."""
    example = (data.test_images[:BATCH],)
    pt2, onnx = stem.with_suffix(".pt2"), stem.with_suffix(".onnx")
    torch.export.save(torch.export.export(model, example), pt2)
    torch.onnx.export(model, example, onnx, dynamo=True, external_data=False, verbose=False)
    console.print(f"exported {pt2} and {onnx}")
    return {"torch.export": pt2, "ONNX": onnx}


def _run(
    model: nn.Module, data: Digits, variant: str, export: str, path: Path, console: Console
) -> Outcome:
    """Compile one exported file, verify it, save it, load it back and classify with it."""
    first_batch = data.test_images[:BATCH].numpy()
    start = time.perf_counter()
    compiled = tvm_snn.compile(str(path), target="host", verify=False)
    seconds = time.perf_counter() - start
    verification = tvm_snn.verify(compiled, (first_batch,))
    artifact = path.with_name(f"{path.stem}-{path.suffix[1:]}.snn")
    compiled.save(artifact)
    loaded = tvm_snn.load(artifact)
    console.print(f"{export}: compiled in {seconds:.1f} s, saved as {artifact}")
    console.print(f"  {verification}")
    if export == "torch.export":
        # Wider than most terminals: let it run over rather than break its rows.
        console.print(str(loaded.report()), soft_wrap=True, highlight=False, markup=False)
        console.print(_sizes(model, loaded, artifact))

    expected = _classify(lambda x: model(torch.from_numpy(x)).detach().numpy(), data.test_images)
    found = _classify(loaded, data.test_images)
    different, unexplained = _explain(model, data.test_images, expected, found, console)
    labels = data.test_labels.numpy()
    return Outcome(
        network=f"{variant} {path.suffix}",
        torch_accuracy=float((expected.argmax(1) == labels).mean()),
        accuracy=float((found.argmax(1) == labels).mean()),
        different=different,
        unexplained=unexplained,
        torch_ms=_best_milliseconds(
            partial(predict, with_fixed_weights(model), data.test_images[:BATCH]),
            torch.set_num_threads,
            torch.get_num_threads(),
        ),
        compiled_ms=_best_milliseconds(
            partial(loaded, first_batch),
            partial(setattr, loaded, "num_threads"),
            loaded.num_threads,
        ),
    )


def _classify(run: Callable[[NDArray[np.float32]], Logits], images: Tensor) -> Logits:
    """Logits (N, 10) by batches of fixed size; the last one is filled with blank images."""
    logits = []
    for batch in images.split(BATCH):
        blanks = torch.zeros(BATCH - len(batch), *batch.shape[1:])
        logits.append(np.asarray(run(torch.cat([batch, blanks]).numpy()))[: len(batch)])
    return np.concatenate(logits)


def _explain(
    model: nn.Module, images: Tensor, expected: Logits, found: Logits, console: Console
) -> tuple[int, int]:
    """Say of every sample that differs why; return how many differ and how many have no reason."""
    samples = differing(expected, found)
    unexplained = 0
    for i in samples:
        reason = explain(model, images[i : i + 1], expected[i : i + 1], found[i : i + 1])
        unexplained += reason is None
        console.print(
            f"  sample {i}: class {expected[i].argmax()} in PyTorch, {found[i].argmax()} compiled; "
            + (reason or "[red]no sign of it is close to zero: this is a fault[/]")
        )
    return len(samples), unexplained


def _milliseconds(run: Callable[[], object], repeats: int = 30) -> float:
    """Median time of a call, after two to warm up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[2:])


def _best_milliseconds(
    run: Callable[[], object], use_threads: Callable[[int], object], threads: int
) -> float:
    """Median time of a call at one thread or at `threads`, whichever suits it best."""
    times = []
    for count in {1, threads}:
        use_threads(count)
        times.append(_milliseconds(run))
    use_threads(threads)
    return min(times)


def _sizes(model: nn.Module, loaded: tvm_snn.Network, artifact: Path) -> Table:
    """Bytes of the sub-bit layers' weights and of everything else: float32, 1 bit, artifact."""
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, SubBitConv2d))
    rest = 4 * (sum(parameter.numel() for parameter in model.parameters()) - weights)
    indices = loaded.report().binary_bits // 8
    stored = loaded.artifact.weight_bytes
    table = Table("model bytes", "sub-bit layers", "everything else", "total", title="Size")
    for name, binary, other in (
        ("PyTorch, float32", 4 * weights, rest),
        ("at 1 bit a weight", weights // 8, rest),
        (f"artifact, tau = {TAU}", indices, stored - indices),
    ):
        table.add_row(name, f"{binary:,}", f"{other:,}", f"{binary + other:,}")
    table.caption = (
        "everything else in the artifact: subsets, scales, BatchNorm and float layers; "
        f"with its machine code and manifest the file has {artifact.stat().st_size:,} bytes"
    )
    return table


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(
        "network",
        "accuracy\nPyTorch",
        "accuracy\ncompiled",
        "samples\ndiffer",
        "ms\nPyTorch",
        "ms\ncompiled",
        "ratio",
        title=f"Held-out digits, artifacts loaded from disk; median time of a batch of {BATCH}",
        caption=(
            "differ: samples whose logits are not equal up to rounding, each explained above; "
            "both are timed at the faster of one thread and all, PyTorch with its weights "
            "binarised beforehand"
        ),
    )
    for o in outcomes:
        table.add_row(
            o.network,
            f"{o.torch_accuracy:.2%}",
            f"{o.accuracy:.2%}",
            str(o.different),
            f"{o.torch_ms:.2f}",
            f"{o.compiled_ms:.2f}",
            f"{o.torch_ms / o.compiled_ms:.1f}x",
        )
    return table


def _quiet_exporters() -> None:
    """Keep the exporters' notices about packages this network does not use off the screen."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch")


if __name__ == "__main__":
    main()
