"""Whole networks on an emulated Raspberry Pi 4, kernel by kernel against the reference."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tvm

import tvm_snn
from tests.compiled import small_inputs, small_module, small_network
from tests.emulation.board import emulated_board
from tests.emulation.provision import complete
from tests.networks.exact import exact_image, make_exact
from tests.tvm_snn.c_runtime import programs
from tvm_snn import zoo
from tvm_snn.c_runtime import export_c
from tvm_snn.machine import Requirements
from tvm_snn.reference import evaluate
from tvm_snn.target import parse_target

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not complete(), reason="needs what `python -m tests.emulation.provision` fetches"
    ),
]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tvm_snn.Board]:
    with (
        emulated_board(tmp_path_factory.mktemp("board")) as server,
        tvm_snn.connect(server.address, timeout=300) as connected,
    ):
        yield connected


def test_the_board_is_a_cortex_a72(board: tvm_snn.Board) -> None:
    assert board.machine.architecture == "aarch64"
    assert board.machine.extensions == ("fp-armv8", "neon")


def test_a_network_of_every_kind_of_layer(board: tvm_snn.Board) -> None:
    network = board.load(tvm_snn.compile(small_module(), "llvm -mcpu=cortex-a53"))
    assert len(tvm_snn.verify(network).cores) == 3
    for found, expected in zip(
        network(*small_inputs()), small_network()(*small_inputs()), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    profile = tvm_snn.profile(network, *small_inputs(), runs=1)
    assert all(row.microseconds > 0 for row in profile.report.rows)


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        pytest.param(functools.partial(zoo.resnet20, tau=5), 18, id="resnet20"),
        # Wide enough for whole registers of channels and of outputs.
        pytest.param(
            functools.partial(zoo.resnet20, tau=6, unit=2, width=32, depth=1), 3, id="pairs"
        ),
    ],
)
def test_residual_networks(board: tvm_snn.Board, model, layers: int) -> None:
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    compiled = tvm_snn.compile(model(), "llvm -mcpu=cortex-a72", example_inputs=(image,))
    verification = tvm_snn.verify(board.load(compiled), image)
    assert len(verification.cores) == layers
    assert all(core.exact for core in verification.cores)
    assert verification.output_difference < 1e-3


def test_resnet18_over_tvm_and_in_c_gives_the_bits_of_the_reference(
    board: tvm_snn.Board, tmp_path: Path
) -> None:
    model = make_exact(zoo.resnet18(tau=5), threshold=2.0**-9)
    shape = (1, 3, 64, 64)
    network = tvm_snn.compile(model, "raspberry-pi-4", example_inputs=(exact_image(*shape),))
    image = exact_image(*shape, seed=1).numpy()
    artifact = network.artifact
    function = tvm.ir.load_json(artifact.network)["main"]
    right = evaluate(function, [image, *(weight.array for weight in artifact.weights)])
    assert len(np.unique(right)) > 100
    np.testing.assert_array_equal(board.load(network)(image), right)
    library = export_c(artifact, tmp_path / "net.so")
    machine = programs.aarch64("cortex-a72")
    (found,) = programs.run_library(library, artifact.outputs, [image], machine)
    np.testing.assert_array_equal(found, right)


def test_a_network_for_a_newer_processor_is_refused(board: tvm_snn.Board) -> None:
    newer = Requirements.of(parse_target("raspberry-pi-5"), "2.28")
    artifact = dataclasses.replace(small_network().artifact, requirements=newer)
    with pytest.raises(tvm_snn.ArtifactError, match=r"a processor with dotprod, .*which .* lacks"):
        board.load(tvm_snn.CompiledNetwork(artifact))
