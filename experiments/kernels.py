"""What is noted of a network's kernels in training, at every checkpoint."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tvm_snn.nn import BinarizedLayer, SubBitLayer
from tvm_snn.nn.subsets.codes import kernel_codes


@torch.no_grad()
def kernels_of(model: nn.Module) -> dict[str, Any]:
    """For each binarised layer: its subset's codes, and how often each code is used.

    Codes are those of `tvm_snn.nn.subsets.codes`; a layer without a subset has None, and its
    kernels are counted in units of one channel.
    """
    found = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, BinarizedLayer) or layer.float_weights:
            continue
        subset = kernel_codes(layer.subset) if isinstance(layer, SubBitLayer) else None
        if isinstance(layer, SubBitLayer) and subset is not None:
            used = subset[layer.kernel_indices().flatten()]
        else:
            used = kernel_codes(layer.weight.flatten(0, 1).flatten(1))
        codes, counts = torch.unique(used, return_counts=True)
        found[name] = {
            "subset": None if subset is None else subset.tolist(),
            "counts": dict(zip(map(str, codes.tolist()), counts.tolist(), strict=True)),
        }
    return found


class KernelNotes:
    """A file for each checkpoint, so that a run that is resumed notes none twice."""

    def __init__(self, folder: Path) -> None:
        """Keep the files in `folder`."""
        self._folder = folder

    def __call__(self, model: nn.Module, step: int) -> None:
        """Note the kernels after so many steps."""
        path = self._folder / f"kernels-{step:08}.json"
        path.write_text(json.dumps({"step": step, "layers": kernels_of(model)}))

    def all(self) -> list[dict[str, Any]]:
        """All notes in order: "step", and "layers" as `kernels_of` has them."""
        return [json.loads(p.read_text()) for p in sorted(self._folder.glob("kernels-*.json"))]
