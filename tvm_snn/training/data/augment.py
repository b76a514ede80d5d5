"""Random changes of training images that depend on a generator alone."""

import torch
from torch import Tensor, nn


def crop_and_flip(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to `padding` pixels either way, and flip half of them left to right.

    Images float (N, C, H, W); what is shifted in is zero. The usual augmentation for CIFAR (He et
    al., "Deep Residual Learning", CVPR 2016, Sec. 4.2).
    """
    count, _, height, width = images.shape
    padded = nn.functional.pad(images, [padding] * 4)
    rows = torch.randint(2 * padding + 1, (count, 1), generator=generator) + torch.arange(height)
    columns = torch.randint(2 * padding + 1, (count, 1), generator=generator) + torch.arange(width)
    flipped = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    samples = torch.arange(count)[:, None, None]
    shifted = padded.permute(0, 2, 3, 1)[samples, rows[:, :, None], columns[:, None, :]]
    return shifted.permute(0, 3, 1, 2).contiguous()
