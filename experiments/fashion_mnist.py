"""Methods of binary and sub-bit training next to each other on Fashion-MNIST.

    python experiments/fashion_mnist.py run         # hours; stop it at any time, it goes on
    python experiments/fashion_mnist.py measure     # compiles what is trained: accuracy and latency
    python experiments/fashion_mnist.py table
    python experiments/fashion_mnist.py pictures

Every run leaves a JSON file in `results/` with its seed, its curves, its kernels and the date.
"""

import sys
from pathlib import Path
from typing import get_args

import click
from cases import NETWORKS, TAUS, Activations, cases, methods
from compiled import compile_and_compare
from differences import differences
from runs import Plan, read_results, run, write_result
from tables import keep_results, markdown

from tvm_snn import SnnError
from tvm_snn.training import load_data


@click.group(context_settings={"show_default": True})
@click.option("--out", default="artifacts/fashion-mnist", type=click.Path(path_type=Path))
@click.option("--data-root", type=click.Path(path_type=Path), help="Where Debian's files are not.")
@click.pass_context
def main(context: click.Context, out: Path, data_root: Path | None) -> None:
    """Compare training methods on Fashion-MNIST."""
    context.obj = out, data_root


@main.command("run")
@click.option("--networks", multiple=True, type=click.Choice(list(NETWORKS)), default=["small"])
@click.option(
    "--activations", multiple=True, type=click.Choice(get_args(Activations)), default=["W1A1"]
)
@click.option("--tau", "taus", multiple=True, type=int, default=TAUS)
@click.option("--only", multiple=True, help="Methods to run; all of them by default.")
@click.option("--seeds", default=3)
@click.option("--epochs", default=2)
@click.option("--batch-size", default=64)
@click.option("--learning-rate", default=0.1)
@click.option("--images", default=60000, help="Train with the first so many.")
@click.option("--augment/--plain", default=False, help="Shift and flip training images at random.")
@click.pass_obj
def run_command(
    obj: tuple[Path, Path | None],
    networks: tuple[str, ...],
    activations: tuple,
    taus: tuple[int, ...],
    only: tuple[str, ...],
    seeds: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    images: int,
    augment: bool,
) -> None:
    """Train every method with every seed; what is done is not done again."""
    out, root = obj
    names = {method.name for method in methods(taus)}
    if unknown := set(only) - names:
        raise click.BadParameter(f"no method {', '.join(unknown)}; use {', '.join(sorted(names))}")
    plan = Plan(epochs, batch_size, learning_rate, images, augment)
    data = load_data("fashion-mnist", root, augment)
    planned = list(cases(networks, activations, taus, seeds, only))
    for number, case in enumerate(planned, 1):
        click.echo(f"{number}/{len(planned)} {case.key}")
        result = run(case, plan, data, out)
        click.echo(f"  {result['accuracy']:.2%}")


@main.command("measure")
@click.option("--images", default=1000, help="Test images to compare with PyTorch.")
@click.option("--rounds", default=200, help="Calls to time.")
@click.pass_obj
def measure_command(obj: tuple[Path, Path | None], images: int, rounds: int) -> None:
    """Compile every trained network; note accuracy, differences and latency in its result."""
    out, root = obj
    data = load_data("fashion-mnist", root)
    for result in read_results(out):
        if "compiled" in result:
            continue
        model = out / "models" / f"{result['key']}.pt2"
        result["compiled"] = compile_and_compare(model, data, images, rounds)
        write_result(out / "results" / f"{result['key']}.json", result)
        click.echo(f"{result['key']}: {result['compiled']}")


@main.command("table")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for the table and, as JSON, all runs with their curves.",
)
@click.pass_obj
def table_command(obj: tuple[Path, Path | None], keep: Path | None) -> None:
    """Print the results as Markdown."""
    results = _results(obj[0])
    click.echo(f"{markdown(results)}\n\n{differences(results)}")
    if keep is not None:
        keep_results(results, keep)


@main.command("pictures")
@click.option("--network", default="small")
@click.option("--activations", default="W1A1")
@click.option("--size", default="tau 5", help="Of the sub-bit networks in the kernel pictures.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the pictures, in place of `pictures` beside the results.",
)
@click.pass_obj
def pictures_command(
    obj: tuple[Path, Path | None], network: str, activations: str, size: str, keep: Path | None
) -> None:
    """Draw kernel frequencies, subsets through training, reductions and accuracy against cost."""
    # Imported here: matplotlib is not needed for anything else.
    import pictures

    folder = obj[0] / "pictures" if keep is None else keep
    folder.mkdir(parents=True, exist_ok=True)
    results = [
        result
        for result in _results(obj[0])
        if result["network"] == network and result["activations"] == activations
    ]
    first = [result for result in results if result["seed"] == 0]
    binary = [r for r in first if r["method"] == "bnn" or r["size"] == size]
    if not any(result["method"] == "bnn" for result in binary):
        raise SnnError(
            f"There is no result of bnn with seed 0 for {network} {activations}: run it."
        )
    pictures.kernel_frequencies(binary, folder / "kernel-frequencies.png")
    for result in binary:
        if result["size"]:
            name = f"codes-{result['method']}-{size.replace(' ', '')}.png"
            pictures.codes_through_training(result, folder / name)
    pictures.reductions(first, folder / "reductions.png")
    pictures.pareto(results, folder / "pareto.png")
    click.echo(f"wrote {folder}")


def _results(out: Path) -> list[dict]:
    results = read_results(out)
    if not results:
        raise SnnError(f"There are no results in {out}: run some first.")
    return results


if __name__ == "__main__":
    try:
        main()
    except SnnError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
