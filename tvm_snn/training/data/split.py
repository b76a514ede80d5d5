"""Labelled images: what training asks of them, and the two ways they are kept."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .augment import crop_and_flip

Batch = tuple[Tensor, Tensor]
"""Images float32 (N, C, H, W) and labels int64 (N,)."""


class Split(ABC):
    """One part of a data set: for training, or for testing."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of images."""

    @abstractmethod
    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """The images at `indices`; what is random about them comes from `generator` alone."""


@dataclass(frozen=True)
class Data:
    """A data set for classification."""

    train: Split
    test: Split
    classes: int
    shape: tuple[int, int, int]
    """(C, H, W) of an image."""


class TensorSplit(Split):
    """Images kept in memory as bytes, normalised when they are asked for.

    With `padding`, images are shifted by up to that many pixels and flipped left to right at
    random.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        mean: Sequence[float],
        std: Sequence[float],
        padding: int | None = None,
    ) -> None:
        """Keep uint8 images (N, C, H, W) and labels (N,); `mean` and `std` are of values / 255."""
        self.images = images
        self.labels = labels.to(torch.int64)
        self._mean = torch.tensor(mean).reshape(1, -1, 1, 1)
        self._std = torch.tensor(std).reshape(1, -1, 1, 1)
        self._padding = padding

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def first(self, count: int) -> "TensorSplit":
        """The first `count` images, treated as these."""
        part = copy.copy(self)
        part.images, part.labels = self.images[:count], self.labels[:count]
        return part

    def last_as_test(self, count: int) -> "TensorSplit":
        """The last `count` images as they are, to test with what was trained on others."""
        part = copy.copy(self)
        part.images, part.labels = self.images[-count:], self.labels[-count:]
        part._padding = None
        return part

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """Normalise the images, after shifting and flipping them where that was asked for."""
        chosen = torch.as_tensor(indices)
        images = (self.images[chosen].float() / 255 - self._mean) / self._std
        if self._padding is not None:
            images = crop_and_flip(images, self._padding, generator)
        return images, self.labels[chosen]


class DatasetSplit(Split):
    """Any map-style torch data set that gives (image, label): tensors (C, H, W) and integers.

    Random transforms have to draw from torch's global generator: it is seeded before each batch
    and put back after it.
    """

    def __init__(self, dataset: Any) -> None:
        """Keep a data set with `__getitem__` and `__len__`."""
        self.dataset = dataset

    def __len__(self) -> int:
        """The number of images."""
        assert isinstance(self.dataset, Sized)
        return len(self.dataset)

    def batch(self, indices: Sequence[int], generator: torch.Generator) -> Batch:
        """Ask the data set for every image and stack them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            samples = [self.dataset[int(index)] for index in indices]
        images = torch.stack([torch.as_tensor(image) for image, _ in samples]).float()
        return images, torch.tensor([int(label) for _, label in samples])
