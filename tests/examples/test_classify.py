"""The C program that classifies an image, compiled as a stranger would."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor
from tests.tvm_snn.c_runtime import programs

SOURCE = Path(__file__).parents[2] / "examples" / "c" / "classify.c"
STRICT = ("-Wconversion", "-Wshadow", "-Wstrict-prototypes")


@pytest.fixture(scope="module")
def network() -> tvm_snn.Network:
    """Three classes of images of 6x8 pixels in colour."""
    generator = np.random.default_rng(0)

    def body(builder, image):
        stem = relax.const(generator.normal(size=(8, 3, 3, 3)).astype(np.float32))
        x = named(builder, "stem", relax.op.nn.conv2d(image, stem, padding=(1, 1)))
        s = builder.emit(relax.op.sign(x))
        weight = relax.const(sub_bit_weight(8, 8, size=8))
        x = named(builder, "conv", relax.op.nn.conv2d(s, weight, padding=(1, 1)))
        pooled = builder.emit(relax.op.mean(x, [2, 3]))
        head = relax.const(generator.normal(size=(8, 3)).astype(np.float32))
        return named(builder, "fc", relax.op.matmul(pooled, head))

    return tvm_snn.compile(module([tensor("image", 1, 3, 6, 8)], body), verify=False)


@pytest.fixture(scope="module")
def program(network: tvm_snn.Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classify")
    library = network.export_c(folder / "net.so")
    return programs.compile_program(
        SOURCE, folder / "classify", [library.static], programs.HOST, *STRICT
    )


def ppm(pixels: np.ndarray, header: bytes = b"P6\n8 6\n255\n") -> bytes:
    return header + pixels.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_it_names_the_class_of_the_highest_score(
    network: tvm_snn.Network, program: Path, tmp_path: Path, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    (tmp_path / "image.ppm").write_bytes(ppm(pixels))
    result = subprocess.run(
        [program, tmp_path / "image.ppm"], capture_output=True, text=True, check=True, timeout=300
    )
    image = (pixels.astype(np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
    scores = network(np.ascontiguousarray(image))[0]
    assert result.stdout == f"class {scores.argmax()}, score {scores.max():g}\n"


@pytest.mark.parametrize(
    "image",
    [
        None,
        b"",
        ppm(np.zeros((6, 8, 3), np.uint8), b"P6\n6 8\n255\n"),
        ppm(np.zeros((6, 8, 3), np.uint8), b"P5\n8 6\n255\n"),
        ppm(np.zeros((6, 8, 3), np.uint8)[:-1]),
        ppm(np.zeros((6, 8, 3), np.uint16), b"P6\n8 6\n65535\n"),
    ],
    ids=["no file", "empty", "turned", "grey", "truncated", "16 bits"],
)
def test_what_is_no_image_of_the_size(program: Path, tmp_path: Path, image: bytes | None) -> None:
    path = tmp_path / "image.ppm"
    if image is not None:
        path.write_bytes(image)
    result = subprocess.run(
        [program, path], capture_output=True, text=True, check=False, timeout=300
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("usage: classify IMAGE")


def test_it_is_short() -> None:
    assert len(SOURCE.read_text().splitlines()) < 60
