"""Data sets by name: Fashion-MNIST, CIFAR, folders of images, or any function that returns one."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import DataError
from .cifar import cifar10, cifar100
from .fashion_mnist import fashion_mnist
from .image_folder import image_folder
from .split import Batch, Data, DatasetSplit, Split, TensorSplit

DATA: dict[str, Callable[..., Data]] = {
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "image-folder": image_folder,
}
"""Each takes `folder` (None for the usual place, where there is one) and `augment`."""


def load_data(reference: str, folder: Path | None = None, augment: bool = True) -> Data:
    """The data set that a name in `DATA` or `package.module:function` stands for.

    A function takes no arguments and returns a `Data`, or two torch data sets of
    (image (C, H, W), label): for training and for testing, labels counted from 0.
    Raises DataError when there is none, or when the function returns something else.
    """
    if reference in DATA:
        return DATA[reference](folder, augment)
    module, separator, function = reference.partition(":")
    if not separator:
        raise DataError(
            f"There is no data set {reference!r}; use one of {', '.join(DATA)}, or "
            "package.module:function for a function that returns one."
        )
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise DataError(f"There is no function {reference!r}: {error}.") from error
    return _as_data(found(), reference)


def _as_data(found: Any, reference: str) -> Data:
    if isinstance(found, Data):
        return found
    if not isinstance(found, tuple) or len(found) != 2 or not all(len(part) for part in found):
        raise DataError(
            f"{reference} returned a {type(found).__name__}; expected is a tvm_snn.training.Data "
            "or a pair of data sets with something in them: for training and for testing."
        )
    train, test = (DatasetSplit(part) for part in found)
    labels = [int(label) for part in found for _, label in (part[i] for i in range(len(part)))]
    image = found[0][0][0]
    return Data(train, test, max(labels) + 1, tuple(image.shape))


__all__ = [
    "DATA",
    "Batch",
    "Data",
    "DatasetSplit",
    "Split",
    "TensorSplit",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "image_folder",
    "load_data",
]
