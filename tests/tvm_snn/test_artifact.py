import dataclasses
import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tvm_snn
from tests.compiled import small_inputs, small_network
from tvm_snn import artifact
from tvm_snn.artifact import read_artifact, write_artifact
from tvm_snn.machine import Requirements
from tvm_snn.target import parse_target

REQUIREMENTS = dataclasses.asdict(Requirements.of(parse_target("host")))


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("artifact") / "net.snn"
    small_network().save(path)
    return path


def _edit_manifest(saved: Path, path: Path, *, sealed: bool = True, **changes) -> Path:
    """Write the artifact with another manifest, whose hash is right if `sealed`."""
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "manifest.json":
                data = json.dumps(json.loads(data) | changes).encode()
                seal = hashlib.sha256(data).hexdigest() if sealed else ""
                target.comment = seal.encode() or source.comment
            target.writestr(name, data)
    return path


def test_a_loaded_network_computes_the_same(saved: Path) -> None:
    inputs = small_inputs()
    for found, expected in zip(tvm_snn.load(saved)(*inputs), small_network()(*inputs), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_is_read_is_what_was_written(saved: Path) -> None:
    read, written = read_artifact(saved), small_network().artifact
    for field in dataclasses.fields(read):
        if field.name not in ("weights", "target"):
            assert getattr(read, field.name) == getattr(written, field.name), field.name
    for found, expected in zip(read.weights, written.weights, strict=True):
        np.testing.assert_array_equal(found.array, expected.array)


def test_equal_networks_give_equal_files(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.snn"
    tvm_snn.load(saved).save(again)
    assert again.read_bytes() == saved.read_bytes()


def test_binary_weights_take_their_bits(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert sizes["weights/layer1.conv.indices"] == 16 * 16 * 3 // 8
    assert sizes["weights/layer1.conv.subset"] == 8 * 9 // 8
    assert sizes["weights/layer3.conv.weight"] == 16 * 16 * 9 // 8


@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.6, 0.99, 0.9999])
def test_a_truncated_file_is_refused(saved: Path, tmp_path: Path, part: float) -> None:
    data = saved.read_bytes()
    broken = tmp_path / "broken.snn"
    broken.write_bytes(data[: int(part * len(data))])
    with pytest.raises(tvm_snn.ArtifactError, match=r"not a readable artifact|hashes differ"):
        tvm_snn.load(broken)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(
    saved: Path, tmp_path: Path, position: int, change: int
) -> None:
    network = small_network()
    path = tmp_path / "changed.snn"
    data = bytearray(saved.read_bytes())
    data[position % len(data)] ^= change
    path.write_bytes(data)
    try:
        read = read_artifact(path)
    except tvm_snn.ArtifactError:
        return
    # Dates and the like in the archive's own headers carry nothing.
    assert read.library == network.artifact.library
    assert read.report == network.artifact.report
    for found, expected in zip(read.weights, network.artifact.weights, strict=True):
        np.testing.assert_array_equal(found.array, expected.array)


def test_a_file_that_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(tvm_snn.ArtifactError, match="There is no artifact at"):
        tvm_snn.load(tmp_path / "missing.snn")
    other = tmp_path / "other.snn"
    other.write_text("hello")
    with pytest.raises(tvm_snn.ArtifactError, match="not a readable artifact"):
        tvm_snn.load(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", "[1, 2]")
    with pytest.raises(tvm_snn.ArtifactError, match="no artifact's manifest"):
        tvm_snn.load(other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"tvm": "0.1"}, r"compiled with TVM 0\.1"),
        ({"requirements": REQUIREMENTS | {"architecture": "aarch64"}}, "compiled for aarch64"),
        ({"requirements": REQUIREMENTS | {"extensions": ["avx2", "sve"]}}, "a processor with sve"),
        ({"requirements": REQUIREMENTS | {"glibc": "99.1"}}, r"C library 99\.1 or newer"),
        ({"requirements": None}, "malformed"),
        ({"weights": [{"name": "x"}]}, "malformed"),
        ({"kernels": None}, "malformed"),
        ({"inputs": [{"name": "x"}]}, "malformed"),
        ({"inputs": ["x"]}, "malformed"),
    ],
)
def test_a_manifest_that_does_not_fit(saved: Path, tmp_path: Path, changes, message) -> None:
    path = _edit_manifest(saved, tmp_path / "edited.snn", **changes)
    with pytest.raises(tvm_snn.ArtifactError, match=message):
        tvm_snn.load(path)


def test_a_manifest_edited_by_hand_is_refused(saved: Path, tmp_path: Path) -> None:
    path = _edit_manifest(saved, tmp_path / "edited.snn", sealed=False, inputs=[])
    with pytest.raises(tvm_snn.ArtifactError, match=r"manifest\.json .* the hashes differ"):
        tvm_snn.load(path)


def test_a_changed_member_with_a_valid_checksum_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "forged.snn"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = bytearray(source.read(name))
            if name == "weights/fc.weight":
                data[0] ^= 1
            target.writestr(name, bytes(data))
        target.comment = source.comment
    with pytest.raises(tvm_snn.ArtifactError, match=r"weights/fc\.weight .* the hashes differ"):
        tvm_snn.load(path)


def test_an_index_out_of_its_subset_is_refused(tmp_path: Path) -> None:
    original = small_network().artifact
    weights = [
        dataclasses.replace(w, array=np.full_like(w.array, 7), bits=3, bound=5)
        if w.name == "layer1.conv.indices"
        else w
        for w in original.weights
    ]
    path = tmp_path / "forged.snn"
    write_artifact(dataclasses.replace(original, weights=tuple(weights)), path)
    with pytest.raises(tvm_snn.ArtifactError, match="holds the index 7 at position 0"):
        tvm_snn.load(path)


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "net.snn"
    path.write_text("precious")

    def fail(_weight):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifact.zipfile.ZipFile, "writestr", lambda *_: fail(None))
    with pytest.raises(tvm_snn.ArtifactError, match="No space left"):
        small_network().save(path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(tvm_snn.ArtifactError, match="no regular file"):
        small_network().save(pipe)
    assert not pipe.is_file()


@pytest.mark.parametrize("name", ["n" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(tvm_snn.ArtifactError, match="Cannot write"):
        small_network().save(name)
    with pytest.raises(tvm_snn.ArtifactError, match="There is no artifact"):
        tvm_snn.load(name)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(tvm_snn.ArtifactError, match="Cannot write"):
        small_network().save(tmp_path / "missing" / "net.snn")
