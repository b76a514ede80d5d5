import re
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, tensor
from tests.compiled import small_inputs, small_network
from tests.tvm_snn.c_runtime import programs
from tvm_snn import capi, link, zoo
from tvm_snn.c_runtime import CLibrary, export_c
from tvm_snn.network import Network

PUBLIC = {
    "create",
    "destroy",
    "run",
    "last_error",
    "status_text",
    "input_count",
    "output_count",
    "input_info",
    "output_info",
}


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def assert_same_bits(network: Network, library: CLibrary, seeds: range = range(2)) -> None:
    loaded = capi.load(library.shared)
    for seed in seeds:
        generator = np.random.default_rng(seed)
        inputs = [generator.normal(size=s.shape).astype(s.dtype) for s in network.inputs]
        found, expected = loaded(*inputs), network(*inputs)
        if not isinstance(expected, tuple):
            found, expected = (found,), (expected,)
        for mine, right in zip(found, expected, strict=True):
            assert mine.tobytes() == right.tobytes()


def test_a_small_network_gives_the_same_bits(small_library: CLibrary) -> None:
    assert_same_bits(small_network(), small_library, range(5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "activations"),
    [
        (zoo.resnet20, "W1A1"),
        # Two of the six equal convolutions of a stage: the others would be the same kernels.
        (partial(zoo.resnet20, depth=2), "W1A32"),
        (partial(zoo.vgg_small, width=32), "W1A1"),
    ],
)
def test_whole_networks_give_the_same_bits(make, activations: str, tmp_path: Path) -> None:
    examples = zoo.example_inputs("resnet20")
    model = make(tau=4, activations=activations)
    network = tvm_snn.compile(model, example_inputs=examples, verify=False)
    library = network.export_c(tmp_path / "net.so")
    assert_same_bits(network, library)


def test_a_convolution_that_pools_its_rows_needs_no_threads(tmp_path: Path) -> None:
    weight = relax.const(np.random.default_rng(0).standard_normal((64, 3, 7, 7), np.float32))

    def body(builder, x):
        image = builder.emit(relax.op.nn.conv2d(x, weight, (2, 2), (3, 3)))
        return relax.op.nn.max_pool2d(image, (3, 3), (2, 2), padding=(1, 1))

    network = tvm_snn.compile(module([tensor("x", 1, 3, 64, 64)], body), verify=False)
    assert any("conv2d_max_pool" in kernel.function for kernel in network.artifact.kernels)
    assert_same_bits(network, network.export_c(tmp_path / "stem.so"))


def test_outputs_that_no_kernel_computes(tmp_path: Path) -> None:
    """An input as it is, in another shape and twice, a constant, a scalar; and an unused input."""
    table = relax.const(np.arange(600, dtype=np.int64))

    def body(builder, x, _unused):
        flat = builder.emit(relax.op.reshape(x, (6,)))
        total = builder.emit(relax.op.sum(x))
        return relax.Tuple([x, flat, x, table, total, relax.const(7.0)])

    network = tvm_snn.compile(module([tensor("x", 2, 3), tensor('"?*/\\ü', 4)], body), verify=False)
    library = network.export_c(tmp_path / "a,b c.so")
    assert_same_bits(network, library)
    assert [spec.name for spec in capi.load(library.shared).inputs] == ["x", '"?*/\\ü']
    program = tmp_path / "program.c"
    program.write_text(f'#include "{library.header.name}"\nint main(void) {{ return 0; }}\n')
    programs.compile_program(program, tmp_path / "program", [library.static])


def test_zig_makes_it_where_there_is_no_other_compiler(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(link, "get_cc", lambda: None)
    network = tvm_snn.compile(
        module([tensor("x", 4)], lambda builder, x: builder.emit(relax.op.exp(x))), verify=False
    )
    assert_same_bits(network, network.export_c(tmp_path / "net.so"))


def test_what_comes_to_kernels_and_weights_is_small(small_library: CLibrary) -> None:
    rows = [line.split() for line in output_of("size", str(small_library.static)).splitlines()[1:]]
    sizes = {row[5]: int(row[3]) for row in rows}
    assert set(sizes) == {"api.o", "kernels.o", "stored.o"}
    whole = small_library.shared.stat().st_size
    assert whole - sizes["kernels.o"] - sizes["stored.o"] < 64 * 1024


def test_nothing_but_the_interface_is_exported(small_library: CLibrary) -> None:
    listed = output_of("nm", "-D", "--defined-only", str(small_library.shared)).split("\n")
    assert {line.split()[-1] for line in listed if line} == {f"snn_{name}" for name in PUBLIC}


def test_it_needs_the_c_library_and_nothing_else(small_library: CLibrary) -> None:
    needed = re.findall(
        r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", str(small_library.shared))
    )
    assert set(needed) <= {"libc.so.6", "libm.so.6"}
    assert "libc.so.6" in needed


def test_a_program_of_two_networks(small_library: CLibrary, tmp_path: Path) -> None:
    other = module(
        [tensor("x", 4)], lambda builder, x: builder.emit(relax.op.add(x, relax.const(2.0)))
    )
    library = tvm_snn.compile(other).export_c(tmp_path / "second.so", prefix="second")
    program = programs.compile_program(
        programs.HERE / "two_networks.c",
        tmp_path / "two",
        [small_library.static, library.static],
    )
    assert output_of(str(program)) == "2 inputs, then 3 4 5 6\n"


def test_equal_networks_give_equal_files(small_library: CLibrary, tmp_path: Path) -> None:
    again = export_c(small_network().artifact, tmp_path / small_library.shared.name)
    for one, other in zip(small_library.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one


@pytest.mark.parametrize("prefix", ["", "2nd", "a-b", "ä"])
def test_a_prefix_that_C_cannot_take(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(tvm_snn.SnnError, match="cannot start the name of a C function"):
        small_network().export_c(tmp_path / "net.so", prefix=prefix)


@pytest.mark.parametrize("name", ["net.a", "net.h", "."])
def test_a_name_that_is_none_of_a_shared_library(name: str) -> None:
    with pytest.raises(tvm_snn.SnnError, match=r"Give a name such as net\.so"):
        small_network().export_c(Path(name))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(tvm_snn.ArtifactError, match="Cannot write"):
        small_network().export_c(tmp_path / "missing" / "net.so")


def test_a_library_that_computes_something_else_is_not_written(tmp_path: Path, monkeypatch) -> None:
    network = small_network()
    wrong = Network(network.artifact)
    monkeypatch.setattr(wrong, "_run", lambda arrays: tuple(a + 1 for a in network._run(arrays)))
    with pytest.raises(tvm_snn.VerificationError, match="'output0' of the C library is not that"):
        wrong.export_c(tmp_path / "net.so")
    assert not list(tmp_path.iterdir())


def test_inputs_are_shown_in_the_header(small_library: CLibrary) -> None:
    header = small_library.header.read_text()
    assert "image: float32[2, 3, 8, 8], 1536 bytes" in header
    assert small_inputs()[1].nbytes == 64
    assert "offset: float32[1, 16, 1, 1], 64 bytes" in header
