"""How much gradient should flip an entry of a kernel in short training, and until when?

    python experiments/refinement.py
    python experiments/refinement.py --tau 5 --setting 0.15 0.15 1875 --setting 0.05 0.05 600
    python experiments/refinement.py --tau 5 --codewords 0.2 600 --codewords 0.02 600
    python experiments/refinement.py --network small-vgg --tau 5 --setting 0.3 0.3 1875

Trains a small network with random subsets and with refined ones of several `start`, `threshold` and
`last_step`, or with selected codewords of several `temperature` and `last_step`, as long as
`fashion_mnist.py` does, and prints the accuracy on 6,000 training images that it leaves out: what
is chosen here is not chosen by the test images.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import click
from cases import NETWORKS, SHAPE, codewords

from tvm_snn import SnnError
from tvm_snn.nn import SubBitLayer
from tvm_snn.nn.subsets import PolicyFactory, RefinedSubset
from tvm_snn.training import Data, Settings, TensorSplit, Training, load_data, start_fresh

SETTINGS: tuple[tuple[float, float, int], ...] = (
    (0.3, 0.3, 1875),
    (0.2, 0.2, 1875),
    (0.15, 0.15, 600),
    (0.1, 0.1, 600),
)
"""`start`, `threshold` and `last_step`, for tau 3."""
HELD_OUT = 6000


def split(data: Data, images: int) -> Data:
    """The first `images` of the training images, and the last `HELD_OUT` to test with."""
    train = data.train
    assert isinstance(train, TensorSplit)
    return Data(train.first(images), train.last_as_test(HELD_OUT), data.classes, data.shape)


def accuracy_and_moved(
    data: Data, network: str, policy: str | PolicyFactory, tau: int, epochs: int, seed: int
) -> tuple[float, float, float]:
    """Held-out accuracy and loss, and the share of the subsets' entries that changed."""
    model = NETWORKS[network]["factory"](tau, policy, seed=seed, input_shape=SHAPE)
    start_fresh(model)
    layers = [layer for layer in model.modules() if isinstance(layer, SubBitLayer)]
    start = [layer.subset.clone() for layer in layers]
    settings = Settings("paper", epochs, 64, learning_rate=0.1, seed=seed, compiled=True)
    with tempfile.TemporaryDirectory() as folder:
        last = Training(model, data, settings, Path(folder)).run()[-1]
    pairs = zip(layers, start, strict=True)
    changed = [float(entry) for layer, old in pairs for entry in (layer.subset != old).flatten()]
    return last.test_accuracy, last.test_loss, sum(changed) / max(len(changed), 1)


@click.command(context_settings={"show_default": True})
@click.option("--data-root", type=click.Path(path_type=Path), help="Where Debian's files are not.")
@click.option("--network", default="small", type=click.Choice(["small", "small-vgg"]))
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
@click.option("--images", default=20000)
@click.option("--epochs", default=6)
@click.option("--seeds", default=1)
def main(
    data_root: Path | None,
    network: str,
    tau: int,
    settings: tuple[tuple[float, float, int], ...],
    codeword_settings: tuple[tuple[float, int], ...],
    images: int,
    epochs: int,
    seeds: int,
) -> None:
    """Compare settings of refinement on held-out training images."""
    data = split(load_data("fashion-mnist", data_root, augment=False), images)
    policies: dict[str, str | PolicyFactory] = {"random": "vanilla"}
    for temperature, last_step in codeword_settings:
        policies[f"codewords at temperature {temperature}, until step {last_step}"] = partial(
            codewords, temperature=temperature, last_step=last_step
        )
    for start, threshold, last_step in () if codeword_settings else settings:
        policies[f"start {start}, threshold {threshold}, until step {last_step}"] = partial(
            RefinedSubset, period=1, start=start, threshold=threshold, last_step=last_step
        )
    for seed in range(seeds):
        for name, policy in policies.items():
            accuracy, loss, moved = accuracy_and_moved(data, network, policy, tau, epochs, seed)
            click.echo(f"seed {seed}, {name}: {accuracy:.2%}, loss {loss:.3f}, changed {moved:.1%}")


if __name__ == "__main__":
    try:
        main()
    except SnnError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
