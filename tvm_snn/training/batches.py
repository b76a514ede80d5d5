"""The order of images in training, a function of seed and epoch, cut into batches."""

from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from .data import Batch, Split
from .processes import Processes


class _Batches(Dataset):
    """Batch i of an epoch as item i: workers fetch whole batches, each with its own seed."""

    def __init__(self, split: Split, order: list[list[int]], seed: int) -> None:
        self.split = split
        self.order = order
        self.seed = seed

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Batch:
        generator = torch.Generator().manual_seed(_mixed(self.seed, index + 1))
        return self.split.batch(self.order[index], generator)


def steps_of_epoch(split: Split, batch_size: int, processes: Processes) -> int:
    """Training steps of an epoch; images that do not fill a batch of every process are left out."""
    return len(split) // (batch_size * processes.count)


def training_batches(
    split: Split,
    batch_size: int,
    epoch: int,
    seed: int,
    processes: Processes,
    *,
    start: int = 0,
    workers: int = 0,
) -> Iterator[Batch]:
    """The batches of this process in `epoch`, from step `start` on.

    Order and augmentation follow from seed, epoch, step and process, so that training goes on in
    the middle of an epoch as if it had not stopped.
    """
    seed = _mixed(seed, epoch)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    steps = steps_of_epoch(split, batch_size, processes)
    shared = order[: steps * batch_size * processes.count].reshape(steps, processes.count, -1)
    own = shared[:, processes.rank].tolist()
    batches = _Batches(split, own, _mixed(seed, processes.rank))
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, steps),
        num_workers=workers,
        # It would draw from the global generator otherwise, which dropout draws from.
        generator=torch.Generator(),
    )
    return iter(loader)


def test_batches(split: Split, batch_size: int, processes: Processes) -> Iterator[Batch]:
    """The test images in batches; processes share them."""
    own = list(range(processes.rank, len(split), processes.count))
    for start in range(0, len(own), batch_size):
        yield split.batch(own[start : start + batch_size], torch.Generator())


def _mixed(seed: int, number: int) -> int:
    """A seed of 32 bits for (seed, number): torch's CPU generator looks at no more."""
    mixed = (seed * 0x9E3779B1 + number * 0x85EBCA77 + 0x165667B1) % 2**32
    mixed = (mixed ^ (mixed >> 15)) * 0x2C1B3C6D % 2**32
    return mixed ^ (mixed >> 12)
