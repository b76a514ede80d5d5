"""A data set and a network that train in a second, also as factories for the command line."""

import gzip
import struct
from pathlib import Path

import torch
from torch import nn

from tvm_snn.nn import BinaryActivation, SubBitConv2d
from tvm_snn.training import Data, TensorSplit

HERE = "tests.tvm_snn.training.tiny"
SHAPE = (1, 8, 8)


def images(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise with a bright quarter: four classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (count,), generator=generator)
    pixels = torch.randint(100, (count, 1, 8, 8), generator=generator)
    for image, label in zip(pixels, labels.tolist(), strict=True):
        row, column = 4 * (label // 2), 4 * (label % 2)
        image[:, row : row + 4, column : column + 4] += 100
    return pixels.to(torch.uint8), labels


def data(padding: int | None = None) -> Data:
    train, test = (
        TensorSplit(*images(count, seed), (0.3,), (0.2,), padding if seed == 0 else None)
        for count, seed in ((100, 0), (30, 1))
    )
    return Data(train, test, 4, SHAPE)


def pair_of_datasets() -> tuple[torch.utils.data.Dataset, torch.utils.data.Dataset]:
    return tuple(
        torch.utils.data.TensorDataset(pixels.float() / 100 - 1, labels)
        for pixels, labels in (images(60, 0), images(20, 1))
    )


def failing_data() -> Data:
    """Raises, as user code may."""
    raise ValueError("no disk")


class Network(nn.Module):
    """A float stem, two sub-bit convolutions on signs, dropout and a classifier."""

    def __init__(self, tau: int, subset: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16))
        self.body = nn.Sequential(
            BinaryActivation("error_decay"),
            SubBitConv2d(16, 16, 3, 2, 1, tau=tau, subset=subset),
            nn.BatchNorm2d(16),
            BinaryActivation("clipped"),
            SubBitConv2d(16, 32, padding=1, tau=tau, subset=subset),
            nn.BatchNorm2d(32),
            nn.Hardtanh(),
            nn.Dropout(0.1),
        )
        self.classifier = nn.Linear(32 * 16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.body(self.stem(x)).flatten(1))


def network(tau: int = 4, subset: str = "refined") -> nn.Module:
    return Network(tau, subset)


def float_network() -> nn.Module:
    """An ordinary network, to be converted."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 16, 4),
    )


def write_fashion_mnist(folder: Path, train: int, test: int) -> None:
    """Files in the format of Fashion-MNIST: a bright square whose place is the class."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count, seed in (("train", train, 0), ("t10k", test, 1)):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(10, (count,), generator=generator).to(torch.uint8)
        pixels = torch.randint(90, (count, 28, 28), generator=generator).to(torch.uint8)
        for image, label in zip(pixels, labels.tolist(), strict=True):
            image[5 * (label // 5) : 5 * (label // 5) + 14, 5 * (label % 5) :][:, :8] += 120
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            header = bytes((0, 0, 8, array.dim())) + struct.pack(f">{array.dim()}I", *array.shape)
            path = folder / f"{part}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(header + array.numpy().tobytes(), 1))
