"""A small sub-bit network for scikit-learn's handwritten digits: data, network and training."""

import copy
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import sklearn.datasets
import sklearn.model_selection
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from tvm_snn.nn import BinaryActivation, SubBitConv2d

Activations = Literal["W1A1", "W1A32"]

TAU = 5


@dataclass(frozen=True)
class Digits:
    """1,797 images as float32 (N, 1, 8, 8) in [-1, 1] with int64 labels, split once."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def load_digits(seed: int = 0) -> Digits:
    """Load the digits that scikit-learn carries; hold out a fifth, drawn evenly by class."""
    data = sklearn.datasets.load_digits()
    train_x, test_x, train_y, test_y = sklearn.model_selection.train_test_split(
        data.images, data.target, test_size=0.2, stratify=data.target, random_state=seed
    )
    return Digits(_images(train_x), torch.tensor(train_y), _images(test_x), torch.tensor(test_y))


class Block(nn.Module):
    """sign (W1A1 only), sub-bit 3x3 convolution, BatchNorm, shortcut, PReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, activations: Activations
    ) -> None:
        """Build the block; with stride 2 the shortcut averages and widens in float."""
        super().__init__()
        self.sign = BinaryActivation() if activations == "W1A1" else nn.Identity()
        self.conv = SubBitConv2d(in_channels, out_channels, 3, stride, padding=1, tau=TAU)
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.prelu = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H/stride, W/stride)."""
        return self.prelu(self.norm(self.conv(self.sign(x))) + self.shortcut(x))


def build(activations: Activations, seed: int = 0) -> nn.Module:
    """An untrained network, (N, 1, 8, 8) to (N, 10): float stem and classifier, 4 sub-bit convs."""
    torch.manual_seed(seed)
    layers: dict[str, nn.Module] = {
        "stem": nn.Conv2d(1, 32, 3, padding=1, bias=False),
        "norm": nn.BatchNorm2d(32),
        "block1": Block(32, 32, 1, activations),
        "block2": Block(32, 64, 2, activations),
        "block3": Block(64, 64, 1, activations),
        "block4": Block(64, 64, 1, activations),
        "pool": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "classifier": nn.Linear(64, 10),
    }
    return nn.Sequential(OrderedDict(layers))


def train(
    model: nn.Module,
    data: Digits,
    *,
    epochs: int = 15,
    batch_size: int = 64,
    learning_rate: float = 5e-3,
    seed: int = 0,
    console: Console | None = None,
) -> None:
    """Train with Adam and a cosine schedule on images shifted by up to a pixel; ends in eval mode.

    Shows a progress bar on `console` when that is a terminal.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), learning_rate)
    steps = -(-len(data.train_images) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    model.train()
    console = console or Console()
    with _progress(console) as progress, _one_thread():
        task = progress.add_task("training", total=epochs, loss=float("nan"))
        for _ in range(epochs):
            order = torch.randperm(len(data.train_images), generator=generator)
            for batch in order.split(batch_size):
                images = _shift(data.train_images[batch], generator)
                loss = nn.functional.cross_entropy(
                    model(images), data.train_labels[batch], label_smoothing=0.1
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            progress.update(task, advance=1, loss=loss.item())
    model.eval()


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The class of every image: int64 (N,)."""
    return model(images).argmax(dim=1)


def with_fixed_weights(model: nn.Module) -> nn.Module:
    """Copy a trained network into plain PyTorch: the sub-bit weights computed once, as floats."""
    plain = copy.deepcopy(model)
    for parent in list(plain.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, SubBitConv2d):
                fixed = nn.Conv2d(
                    conv.in_channels,
                    conv.out_channels,
                    conv.kernel_size,
                    conv.stride,
                    conv.padding,
                    bias=False,
                )
                fixed.weight = nn.Parameter(conv.effective_weight().detach())
                setattr(parent, name, fixed)
    return plain


def _images(pixels: object) -> Tensor:
    """Pixels 0..16 to [-1, 1], with a channel axis."""
    return torch.as_tensor(pixels, dtype=torch.float32)[:, None] / 8 - 1


def _shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Move every image by -1, 0 or 1 pixel in each direction; what enters is background."""
    padded = nn.functional.pad(images, (1, 1, 1, 1), value=-1.0)
    rows, columns = torch.randint(0, 3, (2, len(images), 1), generator=generator)
    steps = torch.arange(8)
    index = torch.arange(len(images))[:, None, None]
    return padded[index, 0, (rows + steps)[:, :, None], (columns + steps)[:, None, :]][:, None]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tensors this small gain nothing from threads, and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs, loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
