"""Does a C library compute what the network does that it was made from?"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import capi
from ..artifact import TensorSpec
from ..errors import VerificationError
from ..seeded_inputs import seeded_inputs


def compare_library(
    library: Path, prefix: str, inputs: Sequence[TensorSpec], network: Callable[..., Any]
) -> None:
    """Run a library and the network on seeded inputs.

    Both consist of the same kernels, in the same order: raises VerificationError where an output
    differs in any bit, naming it, or where the library does not run.
    """
    arrays = seeded_inputs(inputs)
    expected = network(*arrays)
    try:
        loaded = capi.load(library, prefix)
        found = loaded(*arrays)
    except capi.NetworkError as error:
        raise VerificationError(f"The C library does not run: {error}") from error
    pairs = zip(loaded.outputs, _several(found), _several(expected), strict=True)
    for spec, mine, right in pairs:
        if mine.tobytes() != right.tobytes():
            raise VerificationError(
                f"Output {spec.name!r} of the C library is not that of the network: "
                f"{np.count_nonzero(mine != right)} of {mine.size} elements differ."
            )


def _several(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)
