"""The experiments are scripts, not a package: make them importable."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments"))


@pytest.fixture(autouse=True, scope="session")
def _traced_only() -> Iterator[None]:
    """Networks train traced, but not as machine code: making that takes a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
        yield
