"""ImageNet and whatever else lies in one folder for each class."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from .split import Data, DatasetSplit

_SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".webp"}
_MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
_RESIZE = 256 / 224
_LEFT_TO_RIGHT = 0
"""Pillow's Image.Transpose.FLIP_LEFT_RIGHT."""


def image_folder(folder: Path | None = None, augment: bool = True, size: int = 224) -> Data:
    """Images of `folder`/train/CLASS and `folder`/val/CLASS as (3, size, size).

    Training images are cropped to 8 % to 100 % of their area with an aspect ratio of 3/4 to 4/3,
    resized and flipped; test images are resized to 256/224 of `size` and cropped at the centre
    (Szegedy et al., "Going Deeper with Convolutions", CVPR 2015; the usual for ImageNet).
    Raises DataError when a folder is missing, or Pillow is.
    """
    if folder is None:
        raise DataError("An image folder needs --data-root: the folder of train/ and val/.")
    names = [sorted(p.name for p in _folders(folder / part)) for part in ("train", "val")]
    if names[0] != names[1]:
        different = sorted(set(names[0]) ^ set(names[1]))
        raise DataError(
            f"{folder}/train and {folder}/val should hold the same classes, but differ in "
            + ", ".join(different[:5])
        )
    train = _Images(folder / "train", names[0], size, augment)
    test = _Images(folder / "val", names[0], size, False)
    return Data(DatasetSplit(train), DatasetSplit(test), len(names[0]), (3, size, size))


class _Images:
    """The images below a folder, with the place of their class as label."""

    def __init__(self, folder: Path, classes: list[str], size: int, augment: bool) -> None:
        self.size = size
        self.augment = augment
        self.samples = [
            (path, label)
            for label, name in enumerate(classes)
            for path in sorted((folder / name).rglob("*"))
            if path.suffix.lower() in _SUFFIXES
        ]
        if not self.samples:
            raise DataError(f"There are no images below {folder}.")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.samples[index]
        image = _open(path)
        image = self._random_crop(image) if self.augment else self._centre_crop(image)
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        values = pixels.reshape(self.size, self.size, 3).permute(2, 0, 1).float() / 255
        return (values - _MEAN) / _STD, label

    def _random_crop(self, image: Any) -> Any:
        area = image.width * image.height
        width, height = image.width, image.height
        for _ in range(10):
            share = _uniform(0.08, 1.0) * area
            ratio = math.exp(_uniform(math.log(3 / 4), math.log(4 / 3)))
            columns, rows = round(math.sqrt(share * ratio)), round(math.sqrt(share / ratio))
            if 0 < columns <= image.width and 0 < rows <= image.height:
                width, height = columns, rows
                break
        left = int(_uniform(0, image.width - width + 1))
        top = int(_uniform(0, image.height - height + 1))
        cropped = image.resize((self.size, self.size), box=(left, top, left + width, top + height))
        return cropped.transpose(_LEFT_TO_RIGHT) if _uniform(0, 1) < 0.5 else cropped

    def _centre_crop(self, image: Any) -> Any:
        side = min(image.width, image.height) / _RESIZE
        left, top = (image.width - side) / 2, (image.height - side) / 2
        return image.resize((self.size, self.size), box=(left, top, left + side, top + side))


def _open(path: Path) -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(
            "Reading image files needs Pillow: pip install 'tvm_snn[train]'."
        ) from error
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise DataError(f"Cannot read the image {path}: {error}.") from error


def _uniform(low: float, high: float) -> float:
    """A number between `low` and `high` from torch's global generator."""
    return low + (high - low) * torch.rand(()).item()


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; expected is one with a folder a class.")
    return [path for path in folder.iterdir() if path.is_dir()]
