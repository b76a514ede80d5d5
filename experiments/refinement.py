"""How much gradient should flip an entry of a kernel in short training, and until when?

    python experiments/refinement.py
    python experiments/refinement.py --tau 5 --setting 0.05 0.05 600 --setting 0.025 0.025 600
    python experiments/refinement.py --tau 5 --codewords 0.2 600 --codewords 0.02 600
    python experiments/refinement.py --network small-vgg --epochs 4 --centred --agreed
    python experiments/refinement.py --latent 1

Trains a small network with random subsets and with refined ones of several `start`, `threshold` and
`last_step`, or with selected codewords of several `temperature` and `last_step`, as long as
`fashion_mnist.py` does, and prints the accuracy on 6,000 training images that it leaves out: what
is chosen here is not chosen by the test images.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click
import torch
from cases import Activations, codewords, fresh_network
from torch import Tensor, nn

from tvm_snn import SnnError
from tvm_snn.nn import BinarizedLayer, SubBitLayer
from tvm_snn.nn.subsets import PolicyFactory, RefinedSubset
from tvm_snn.training import Data, Settings, TensorSplit, Training, load_data

SETTINGS: tuple[tuple[float, float, int], ...] = ((0.1, 0.1, 600), (0.05, 0.05, 600))
"""`start`, `threshold` and `last_step`, for tau 3."""
HELD_OUT = 6000


def split(data: Data, images: int) -> Data:
    """The first `images` of the training images, and the last `HELD_OUT` to test with."""
    train = data.train
    assert isinstance(train, TensorSplit)
    return Data(train.first(images), train.last_as_test(HELD_OUT), data.classes, data.shape)


def outcome(model: nn.Module, data: Data, epochs: int, seed: int) -> str:
    """Train; tell held-out accuracy and loss, and what changed: entries of subsets, and signs.

    Signs are those of latent weights.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BinarizedLayer)]
    weights = [layer.weight.detach().sign() for layer in layers]
    subsets = [layer.subset.clone() for layer in layers if isinstance(layer, SubBitLayer)]
    settings = Settings("paper", epochs, 64, learning_rate=0.1, seed=seed, compiled=True)
    with tempfile.TemporaryDirectory() as folder:
        last = Training(model, data, settings, Path(folder)).run()[-1]
    signs = changed(weights, [layer.weight.detach().sign() for layer in layers])
    entries = changed(subsets, [layer.subset for layer in layers if isinstance(layer, SubBitLayer)])
    return (
        f"{last.test_accuracy:.2%}, loss {last.test_loss:.3f}, "
        f"signs changed {signs:.1%}, entries changed {entries:.1%}"
    )


def changed(before: list[Tensor], after: list[Tensor]) -> float:
    """The share of all elements that differ; 0 where there are none."""
    if not before:
        return 0.0
    return float(
        torch.cat([(a != b).flatten() for a, b in zip(before, after, strict=True)]).float().mean()
    )


@click.command(context_settings={"show_default": True})
@click.option("--data-root", type=click.Path(path_type=Path), help="Where Debian's files are not.")
@click.option("--network", default="small", type=click.Choice(["small", "small-vgg"]))
@click.option("--activations", default="W1A1", type=click.Choice(get_args(Activations)))
@click.option("--latent", type=float, help="Size of latent weights at first, if not the network's.")
@click.option("--tau", default=3)
@click.option(
    "settings",
    "--setting",
    type=(float, float, int),
    multiple=True,
    default=SETTINGS,
    help="Start, threshold and last step.",
)
@click.option(
    "codeword_settings",
    "--codewords",
    type=(float, int),
    multiple=True,
    help="Temperature and last step of selected codewords, in place of refined subsets.",
)
@click.option("--centred", is_flag=True, help="Kernels do not learn what their gradients share.")
@click.option("--agreed", is_flag=True, help="Entries flip with the weights that use them only.")
@click.option("--images", default=54000)
@click.option("--epochs", default=2)
@click.option("--seed", "seeds", type=int, multiple=True, default=(0,))
def main(
    data_root: Path | None,
    network: str,
    activations: str,
    latent: float | None,
    tau: int,
    settings: tuple[tuple[float, float, int], ...],
    codeword_settings: tuple[tuple[float, int], ...],
    centred: bool,
    agreed: bool,
    images: int,
    epochs: int,
    seeds: tuple[int, ...],
) -> None:
    """Compare settings of refinement on held-out training images."""
    data = split(load_data("fashion-mnist", data_root, augment=False), images)
    policies: dict[str, str | PolicyFactory | None] = {"1 bit": None, "random": "vanilla"}
    for temperature, last_step in codeword_settings:
        policies[f"codewords at temperature {temperature}, until step {last_step}"] = partial(
            codewords, temperature=temperature, last_step=last_step
        )
    for start, threshold, last_step in () if codeword_settings else settings:
        policies[f"start {start}, threshold {threshold}, until step {last_step}"] = partial(
            RefinedSubset,
            period=1,
            start=start,
            threshold=threshold,
            last_step=last_step,
            centred=centred,
            agreed=agreed,
        )
    options: dict[str, Any] = {"activations": activations}
    if latent is not None:
        options["latent"] = latent
    for seed in seeds:
        for name, policy in policies.items():
            kernels = {"tau": None} if policy is None else {"tau": tau, "subset": policy}
            model = fresh_network(network, seed=seed, **kernels, **options)
            click.echo(f"seed {seed}, {name}: {outcome(model, data, epochs, seed)}")


if __name__ == "__main__":
    try:
        main()
    except SnnError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
