"""Reading data sets, and what is random about their images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tools.provision import fashion_mnist
from tests.tvm_snn.training import tiny
from tvm_snn.errors import DataError
from tvm_snn.training.data import DatasetSplit, TensorSplit, load_data
from tvm_snn.training.data.augment import crop_and_flip


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_fashion_mnist_files_are_read(tmp_path):
    tiny.write_fashion_mnist(tmp_path, 30, 10)
    data = load_data("fashion-mnist", tmp_path)
    assert (len(data.train), len(data.test), data.classes, data.shape) == (30, 10, 10, (1, 28, 28))
    images, labels = data.test.batch([3, 7], seeded(0))
    assert images.shape == (2, 1, 28, 28)
    assert images.dtype == torch.float32
    raw = data.test.images[[3, 7]].float() / 255
    torch.testing.assert_close(images, (raw - 0.2860) / 0.3530)
    assert labels.tolist() == data.test.labels[[3, 7]].tolist()
    assert not torch.equal(*(data.train.batch([1], seeded(s))[0] for s in (0, 1)))


@pytest.mark.skipif(fashion_mnist() is None, reason="needs the package dataset-fashion-mnist")
def test_the_real_fashion_mnist_is_read():
    data = load_data("fashion-mnist", fashion_mnist())
    assert (len(data.train), len(data.test)) == (60000, 10000)
    assert data.train.labels.bincount().tolist() == [6000] * 10
    values = data.train.images.float() / 255
    assert values.mean().item() == pytest.approx(0.2860, abs=1e-4)
    assert values.std().item() == pytest.approx(0.3530, abs=1e-4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:100], "Cannot read .*train-images"),
        (lambda _: b"nothing", "Cannot read .*train-images"),
        (lambda _: None, "Cannot read .*train-images"),
    ],
)
def test_damaged_files_are_named(damage, message, tmp_path):
    tiny.write_fashion_mnist(tmp_path, 30, 10)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    changed = damage(path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    with pytest.raises(DataError, match=message):
        load_data("fashion-mnist", tmp_path)


def test_idx_files_of_another_kind_are_named(tmp_path):
    tiny.write_fashion_mnist(tmp_path, 30, 10)
    (tmp_path / "train-labels-idx1-ubyte.gz").rename(tmp_path / "train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="no idx file of bytes in 3 dimensions"):
        load_data("fashion-mnist", tmp_path)


def write_cifar(folder: Path, names: dict[str, int], label_bytes: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    records = {
        name: generator.integers(0, 256, (count, label_bytes + 3072)).astype(np.uint8)
        for name, count in names.items()
    }
    for name, array in records.items():
        array[:, :label_bytes] %= 10
        array.tofile(folder / name)
    return records


def test_cifar_files_are_read(tmp_path):
    """In the documented layout; the real files are not here."""
    names = {f"data_batch_{i}.bin": 4 for i in range(1, 6)} | {"test_batch.bin": 6}
    ten = write_cifar(tmp_path, names, 1)
    hundred = write_cifar(tmp_path, {"train.bin": 8, "test.bin": 4}, 2)
    data = load_data("cifar10", tmp_path)
    assert (len(data.train), len(data.test), data.classes) == (20, 6, 10)
    assert data.train.labels.tolist()[4:8] == ten["data_batch_2.bin"][:, 0].tolist()
    assert np.array_equal(
        data.test.images[2, 1, 3], ten["test_batch.bin"][2, 1 + 1024 + 96 : 1 + 1024 + 128]
    )
    data = load_data("cifar100", tmp_path)
    assert data.train.labels.tolist() == hundred["train.bin"][:, 1].tolist()
    (tmp_path / "test.bin").write_bytes(b"123")
    with pytest.raises(DataError, match=r"test.bin has 3 bytes.*3074"):
        load_data("cifar100", tmp_path)
    with pytest.raises(DataError, match="--data-root"):
        load_data("cifar10")


def test_image_folders_are_read(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for part, count in (("train", 3), ("val", 2)):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.full((300, 280 + i, 3), 100 * label + 10 * i, np.uint8)
                image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    data = load_data("image-folder", tmp_path)
    assert (len(data.train), len(data.test), data.classes) == (6, 4, 2)
    images, labels = data.test.batch([0, 3], seeded(0))
    assert images.shape == (2, 3, 224, 224)
    assert labels.tolist() == [0, 1]
    torch.testing.assert_close(images[1, 0], torch.full((224, 224), (110 / 255 - 0.485) / 0.229))
    assert data.train.batch([0, 3, 5], seeded(0))[0].shape == (3, 3, 224, 224)
    (tmp_path / "val" / "bird").mkdir()
    with pytest.raises(DataError, match="differ in bird"):
        load_data("image-folder", tmp_path)


def test_any_function_may_give_the_data():
    data = load_data(f"{tiny.HERE}:data")
    assert data.shape == tiny.SHAPE
    pair = load_data(f"{tiny.HERE}:pair_of_datasets")
    assert (len(pair.train), len(pair.test), pair.classes, pair.shape) == (60, 20, 4, tiny.SHAPE)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("mnist", "no data set 'mnist'.*fashion-mnist"),
        ("no.module:data", "no function 'no.module:data'"),
        (f"{tiny.HERE}:float_network", "returned a Sequential"),
        ("image-folder", "--data-root"),
        (f"{tiny.HERE}:failing_data", "failed: ValueError: no disk"),
    ],
)
def test_what_is_no_data_set_is_named(reference, message):
    with pytest.raises(DataError, match=message):
        load_data(reference)


def test_a_module_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_images.py").write_text("raise OSError('no mount')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="'broken_images' cannot be imported: OSError: no mount"):
        load_data("broken_images:data")


def test_crops_and_flips_are_shifts_of_the_image():
    image = torch.arange(1.0, 17).reshape(1, 1, 4, 4).repeat(40, 1, 1, 1)
    changed = crop_and_flip(image, 1, seeded(0))
    padded = torch.nn.functional.pad(image[:1], [1] * 4)
    possible = {
        tuple(view.flatten().tolist())
        for i in range(3)
        for j in range(3)
        for window in [padded[..., i : i + 4, j : j + 4]]
        for view in (window, window.flip(3))
    }
    found = {tuple(sample.flatten().tolist()) for sample in changed}
    assert found <= possible
    assert len(found) > 10


def test_random_transforms_of_a_dataset_follow_the_batch_and_leave_the_global_state():
    class Noisy(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.rand(1, 2, 2), index

    split = DatasetSplit(Noisy())
    state = torch.get_rng_state()
    first, again, other = (split.batch([0, 1], seeded(s))[0] for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_a_tensor_split_without_padding_changes_nothing():
    split = TensorSplit(*tiny.images(10, 0), (0.0,), (1.0,))
    images, _ = split.batch([2, 5], seeded(0))
    assert torch.equal(images, split.images[[2, 5]].float() / 255)
