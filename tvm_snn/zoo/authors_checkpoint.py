"""Networks trained with the public code of the sub-bit paper (github.com/yikaiw/SNN)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .layers import Kernels
from .resnet import IMAGENET_SHAPE, ResNet, imagenet_stem

THRESHOLD = 1e-3
"""Below it, the authors' code lets the memory be (`modules/binarize.py`)."""

_LAYER = re.compile(r"layer(\d+)\.(\d+)\.(.+)")

# Names inside of a block: theirs, ours.
_IN_BLOCK = {
    "move0": "bias_in",
    "binary_conv": "conv",
    "binary_conv.binarize.patterns": "conv.policy.patterns",
    "bn1": "norm",
    "downsample.1": "shortcut.1",
    "downsample.2": "shortcut.2",
    "move1": "bias_mid",
    "prelu": "prelu",
    "move2": "bias_out",
}
_OUTSIDE = {"conv1": "stem.0", "bn1": "stem.1", "fc": "classifier"}


@dataclass(frozen=True)
class Recovered:
    """How much of a layer's memory a checkpoint tells."""

    layer: str
    """The layer's name in the network."""
    entries: int
    """Entries of the memory: 9 for each kernel."""
    unknown: int
    """Entries whose pattern is smaller than the threshold: the memory may have either sign."""
    repeated: int
    """Kernels that equal an earlier one of the layer."""


def from_authors(checkpoint: str) -> tuple[nn.Module, tuple[Tensor]]:
    """The network of a checkpoint file of the authors' code, in eval mode, and example inputs.

    For the command line: `tvm-snn compile "tvm_snn.zoo:from_authors(checkpoint='a.pth.tar')"`.
    Raises ModelError when the file cannot be read or is none; nothing in it is executed.
    """
    path = Path(checkpoint)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"Cannot read the checkpoint {path}: {error}. It must be a file of the authors' code, "
            "written by torch.save, with nothing in it but tensors and plain values."
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping):
        raise ModelError(f"{path} holds a {type(content).__name__}, not a state dict.")
    model, _ = convert_authors_state(state)
    return model, (torch.zeros(1, *IMAGENET_SHAPE),)


def convert_authors_state(state: Mapping[str, Tensor]) -> tuple[nn.Module, list[Recovered]]:
    """The network of a state dict of the authors' code, in eval mode, and what is not certain.

    Understands `birealnet18` and `birealnet34` of both of their steps, of any width and depth,
    with or without the `module.` of DataParallel; convolutions may be stored flat (`weights` of
    shape (n, 1), as in ReActNet's code, which theirs started from). Without
    `binarize.patterns` the convolutions are 1-bit.

    Their memory is no parameter and so is not in the checkpoint: it is the sign of a pattern's
    entry, but where the entry is smaller than 1e-3 it may be the sign of an earlier time. Such
    entries get the sign of the pattern (+1 for 0), and are counted in the second result. Their own
    code, loading the checkpoint, takes signs of a new random subset for them. The step counter is
    not saved either and starts at 0. Kernels that equal each other are kept; the first learning
    step of further training replaces them.

    Raises ModelError when names or shapes are not those of that code.
    """
    entries = {name.removeprefix("module."): value for name, value in state.items()}
    blocks: dict[int, set[int]] = {}
    for name in entries:
        if match := _LAYER.match(name):
            blocks.setdefault(int(match[1]), set()).add(int(match[2]))
    if (
        "conv1.weight" not in entries
        or "fc.weight" not in entries
        or sorted(blocks) != [1, 2, 3, 4]
    ):
        raise ModelError(
            "This is no state dict of the authors' birealnet18 or birealnet34: it should have "
            "conv1, layer1 to layer4 and fc, but begins with " + ", ".join(list(entries)[:3])
        )
    renamed = {_rename(name): value for name, value in entries.items()}
    sizes = {len(value) for name, value in renamed.items() if name.endswith(".patterns")}
    if len(sizes) > 1:
        raise ModelError(f"The layers have subsets of different sizes: {sorted(sizes)}.")
    model = _network(entries, [len(blocks[i]) for i in (1, 2, 3, 4)], *sizes)
    expected = model.state_dict()
    for name in list(renamed):
        renamed[name] = _shaped(name, renamed[name], expected)
    recovered = [
        _recover(name.removesuffix(".policy.patterns"), renamed)
        for name in list(renamed)
        if name.endswith(".policy.patterns")
    ]
    counters = ("num_batches_tracked", "policy.step", "policy.seed", "policy.learning")
    missing = [n for n in expected if n not in renamed and not n.endswith(counters)]
    if missing:
        raise ModelError(f"The state dict lacks {', '.join(missing[:3])} (as named here).")
    model.load_state_dict(renamed, strict=False)
    return model.eval(), recovered


def _rename(name: str) -> str:
    module, _, leaf = name.rpartition(".")
    if match := _LAYER.fullmatch(name):
        inside, _, leaf = match[3].rpartition(".")
        prefix = f"stages.{int(match[1]) - 1}.{match[2]}."
        if match[3] in _IN_BLOCK:
            return prefix + _IN_BLOCK[match[3]]
        if inside in _IN_BLOCK:
            return prefix + f"{_IN_BLOCK[inside]}.{'weight' if leaf == 'weights' else leaf}"
    elif module in _OUTSIDE:
        return f"{_OUTSIDE[module]}.{leaf}"
    raise ModelError(f"The state dict has {name!r}, which the authors' code does not.")


def _network(entries: Mapping[str, Tensor], depths: list[int], size: int | None = None) -> ResNet:
    widths = [entries[f"layer{i}.0.bn1.weight"].numel() for i in (1, 2, 3, 4)]
    if entries["conv1.weight"].shape != (widths[0], 3, 7, 7):
        raise ModelError(
            f"conv1.weight has shape {tuple(entries['conv1.weight'].shape)}; expected is "
            f"{(widths[0], 3, 7, 7)}"
        )
    kernels = Kernels(None if size is None else 5, "refined", subset_size=size)
    return ResNet(
        imagenet_stem(widths[0]), widths, depths, kernels, "W1A1", len(entries["fc.weight"])
    )


def _shaped(name: str, value: Tensor, expected: Mapping[str, Tensor]) -> Tensor:
    """The value in the shape that the network has it: flat weights and patterns are unfolded."""
    if name not in expected:
        raise ModelError(f"The state dict has {name} (as named here), which the network lacks.")
    shape = expected[name].shape
    flat = name.endswith((".conv.weight", ".policy.patterns"))
    if value.shape != shape and not (flat and value.numel() == shape.numel()):
        raise ModelError(f"{name} has shape {tuple(value.shape)}; expected is {tuple(shape)}.")
    return value.detach().reshape(shape)


def _recover(layer: str, state: dict[str, Tensor]) -> Recovered:
    """Add the memory of a layer to its state, as far as the patterns tell it."""
    patterns = state[f"{layer}.policy.patterns"]
    memory = torch.where(patterns >= 0, 1, -1).to(torch.int8)
    state[f"{layer}.policy.subset"] = memory
    return Recovered(
        layer=layer,
        entries=patterns.numel(),
        unknown=int((patterns.abs() < THRESHOLD).sum()),
        repeated=len(memory) - len(torch.unique(memory.flatten(1), dim=0)),
    )
