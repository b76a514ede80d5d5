"""`tvm-snn train`: a network from data, ready to compile."""

import sys
from pathlib import Path
from typing import Any

import click

from ..errors import ModelError, TrainingError
from .models import call_factory, find_factory, find_modules_here
from .output import json_option, print_json

_INTERRUPTED = 130
_EXPORT = "model.pt2"


class _Tau(click.ParamType):
    name = "integer or none"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int | str:
        if value == "none":
            return "none"
        return click.INT.convert(value, param, context)


@click.command("train", short_help="Train a network on images.")
@click.option(
    "--model",
    required=True,
    help="The network: a Python factory such as tvm_snn.zoo:resnet20 or "
    '"package.module:factory(argument=1)". One without binary layers is converted.',
)
@click.option(
    "--data",
    "data_name",
    required=True,
    help="fashion-mnist, cifar10, cifar100, image-folder, or package.module:function.",
)
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help="Folder of the data set; Fashion-MNIST is also found where Debian installs it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint, log.csv and model.pt2.",
)
@click.option(
    "--tau", type=_Tau(), default=5, show_default=True, help="2^tau kernels a layer; none: 1 bit."
)
@click.option(
    "--subset",
    default="refined",
    show_default=True,
    help="How the kernels are chosen: vanilla, refined, uniform, frequent, frequent-10, "
    "negation-closed, codewords.",
)
@click.option("--unit", default=1, show_default=True, help="Input channels an index stands for.")
@click.option("--subset-size", type=int, help="Kernels a layer, where not 2^tau.")
@click.option(
    "--activations",
    type=click.Choice(["W1A1", *(f"W1A{bits}" for bits in range(2, 9)), "W1A32"]),
    default="W1A1",
    show_default=True,
    help="Signs, [0, 1] in steps of so many bits, or floats.",
)
@click.option(
    "--recipe",
    type=click.Choice(["paper", "two-step", "float"]),
    default="paper",
    show_default=True,
    help="paper: SGD, cosine. two-step: Adam, activations become binary first, then weights. "
    "float: weights stay float.",
)
@click.option("--epochs", default=120, show_default=True, type=click.IntRange(min=1))
@click.option("--batch-size", default=128, show_default=True, type=click.IntRange(min=1))
@click.option("--learning-rate", type=float, help="In place of the recipe's.")
@click.option("--label-smoothing", default=0.0, show_default=True)
@click.option("--teacher", help="A network to follow in place of the labels: a Python factory.")
@click.option(
    "--teacher-run",
    type=click.Path(path_type=Path),
    help="Folder of the run in which the teacher was trained; without, it comes with weights.",
)
@click.option("--augment/--no-augment", default=True, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on with the run in the folder.")
@click.option("--device", help="cpu or cuda; by default cuda where there is one.")
@click.option("--workers", default=0, show_default=True, help="Processes that read images.")
@click.option("--checkpoint-steps", type=int, help="Checkpoints within epochs, too.")
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=False,
    show_default=True,
    help="Run the network as code made by torch.compile: faster steps, after some seconds.",
)
@click.option("--tensorboard", is_flag=True, help="Write event files beside log.csv.")
@json_option
def train_command(
    model: str,
    data_name: str,
    data_root: Path | None,
    output: Path,
    tau: int | str,
    subset: str,
    unit: int,
    subset_size: int | None,
    activations: Any,
    recipe: str,
    epochs: int,
    batch_size: int,
    learning_rate: float | None,
    label_smoothing: float,
    teacher: str | None,
    teacher_run: Path | None,
    augment: bool,
    seed: int,
    resume: bool,
    device: str | None,
    workers: int,
    checkpoint_steps: int | None,
    compiled: bool,
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Train a binary or sub-bit network and export it as model.pt2, which `compile` takes.

    Ctrl-C (or SIGTERM) writes a checkpoint and ends with 130; the same command with --resume goes
    on, on a CPU to the bit. Started by torchrun, processes train together.
    """
    # PyTorch takes seconds to import, and is not installed where artifacts only run.
    import torch

    from ..training import Settings, Stopped, Training, joined_processes, load_data
    from ..training.model import Weights, build_model, load_run
    from ..training.run import CHECKPOINT

    weights = Weights(None if isinstance(tau, str) else tau, subset, unit, subset_size, activations)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    find_modules_here()
    data = load_data(data_name, data_root, augment)

    def build(reference: str, teaching: bool) -> torch.nn.Module:
        factory, arguments = find_factory(reference)
        if teaching and teacher_run is None:
            made, _ = call_factory(factory, arguments, reference)
            return made
        return build_model(
            factory,
            lambda options: call_factory(factory, options | arguments, reference)[0],
            weights,
            data,
            seed,
        )

    network = build(model, False)
    guide = build(teacher, True) if teacher is not None else None
    if teacher_run is not None:
        if guide is None:
            raise ModelError("--teacher-run needs --teacher, the factory of the teacher.")
        load_run(guide, teacher_run, CHECKPOINT)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"Cannot make the folder {output}: {error.strerror}.") from error
    description = f"{model} {data_name} {weights} teacher {teacher} augment {augment}"
    with joined_processes(device) as processes:
        training = Training(
            model=network,
            data=data,
            settings=Settings(
                recipe,
                epochs,
                batch_size,
                learning_rate,
                label_smoothing,
                seed,
                description,
                compiled,
            ),
            folder=output,
            teacher=guide,
            device=device,
            processes=processes,
            workers=workers,
            checkpoint_steps=checkpoint_steps,
            tensorboard=tensorboard,
            resume=resume,
        )
        try:
            rows = training.run()
        except Stopped as stopped:
            click.echo(f"tvm-snn: {stopped}", err=True)
            sys.exit(_INTERRUPTED)
        if not processes.first:
            return
    program = torch.export.export(network, (torch.zeros(1, *data.shape),))
    torch.export.save(program, output / _EXPORT)
    if as_json:
        print_json(
            {
                "folder": str(output),
                "model": str(output / _EXPORT),
                "epochs": [vars(row) for row in rows],
            }
        )
    else:
        click.echo(
            f"test accuracy {rows[-1].test_accuracy:.2%} after the last epoch; wrote "
            f"{output / _EXPORT}. Next: tvm-snn compile {output / _EXPORT} -o net.snn"
        )
