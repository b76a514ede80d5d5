"""Fashion-MNIST: 60,000 + 10,000 images of clothes, 28x28, from gzipped idx files."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from .split import Data, TensorSplit

DEFAULT_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the files."""

_MEAN, _STD = (0.2860,), (0.3530,)


def fashion_mnist(folder: Path | None = None, augment: bool = True) -> Data:
    """Read Fashion-MNIST; training images are shifted by up to 2 pixels and flipped.

    Source: Xiao et al., 2017; `apt install dataset-fashion-mnist`. Raises DataError when a file
    is missing or is no idx file of images or labels.
    """
    folder = DEFAULT_FOLDER if folder is None else folder
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder} with Fashion-MNIST. Install the Debian package "
            "dataset-fashion-mnist, or give the folder of the four .gz files with --data-root."
        )
    train, test = (
        TensorSplit(
            _read(folder / f"{part}-images-idx3-ubyte.gz", 3)[:, None],
            _read(folder / f"{part}-labels-idx1-ubyte.gz", 1),
            _MEAN,
            _STD,
            2 if augment and part == "train" else None,
        )
        for part in ("train", "t10k")
    )
    return Data(train, test, 10, (1, 28, 28))


def _read(path: Path, dimensions: int) -> Tensor:
    """The uint8 tensor of an idx file: magic 0, 0, 8, dimensions; big-endian sizes; bytes."""
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}.") from error
    header = 4 + 4 * dimensions
    if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) < header:
        raise DataError(f"{path} is no idx file of bytes in {dimensions} dimensions.")
    sizes = struct.unpack(f">{dimensions}I", data[4:header])
    if len(data) - header != math.prod(sizes):
        raise DataError(
            f"{path} should hold {' x '.join(map(str, sizes))} bytes, but holds "
            f"{len(data) - header}: it is damaged."
        )
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=header).reshape(sizes).copy())
