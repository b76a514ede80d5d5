"""CIFAR-10 and CIFAR-100 in their binary version: 50,000 + 10,000 images, 32x32."""

from pathlib import Path

import numpy as np
import torch

from ...errors import DataError
from .split import Data, TensorSplit

_PIXELS = 3 * 32 * 32
_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def cifar10(folder: Path | None = None, augment: bool = True) -> Data:
    """Read `cifar-10-batches-bin`: records of one label byte and 3072 bytes of pixels.

    Training images are shifted by up to 4 pixels and flipped. Raises DataError when a file is
    missing or has another size.
    """
    train = [f"data_batch_{i}.bin" for i in range(1, 6)]
    return _read(folder, train, ["test_batch.bin"], 10, 1, augment)


def cifar100(folder: Path | None = None, augment: bool = True) -> Data:
    """Read `cifar-100-binary`: records of two label bytes (the second counts) and the pixels."""
    return _read(folder, ["train.bin"], ["test.bin"], 100, 2, augment)


def _read(
    folder: Path | None,
    train: list[str],
    test: list[str],
    classes: int,
    label_bytes: int,
    augment: bool,
) -> Data:
    if folder is None:
        raise DataError(
            f"CIFAR-{classes} needs --data-root: the folder of {train[0]} (the binary version)."
        )
    splits = []
    for names, padding in ((train, 4 if augment else None), (test, None)):
        records = np.concatenate([_records(folder / name, label_bytes) for name in names])
        images = torch.from_numpy(records[:, label_bytes:].reshape(-1, 3, 32, 32).copy())
        labels = torch.from_numpy(records[:, label_bytes - 1].copy())
        splits.append(TensorSplit(images, labels, _MEAN, _STD, padding))
    return Data(splits[0], splits[1], classes, (3, 32, 32))


def _records(path: Path, label_bytes: int) -> np.ndarray:
    size = label_bytes + _PIXELS
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not data.size or data.size % size:
        raise DataError(
            f"{path} has {data.size} bytes, which is no whole number of records of {size} bytes."
        )
    return data.reshape(-1, size)
