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
    Raises DataError when there is none, or when the function fails or returns something else.
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
    except Exception as error:
        raise DataError(
            f"The module {module!r} cannot be imported: {type(error).__name__}: {error}."
        ) from error
    try:
        made = found()
    except Exception as error:
        raise DataError(f"{reference} failed: {type(error).__name__}: {error}.") from error
    return _as_data(made, reference)


def _as_data(found: Any, reference: str) -> Data:
    if isinstance(found, Data):
        return found
    if not isinstance(found, tuple) or len(found) != 2 or not all(len(part) for part in found):
        raise DataError(
            f"{reference} returned a {type(found).__name__}; expected is a tvm_snn.training.Data "
            "or a pair of data sets with something in them: for training and for testing."
        )
    train, test = (DatasetSplit(part) for part in found)
    return Data(train, test, _class_count(found), tuple(found[0][0][0].shape))


def _class_count(parts: tuple[Any, Any]) -> int:
    """From the list `classes` that torchvision's data sets have, else from all labels."""
    if hasattr(parts[0], "classes"):
        return len(parts[0].classes)
    return 1 + max(int(part[i][1]) for part in parts for i in range(len(part)))


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
