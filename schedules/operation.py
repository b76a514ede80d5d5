"""A layer's call as plain data: operator, operands, geometry. Tuning records are about these."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tvm import relax

from ..errors import ModelError
from ..ops import LAYERS
from ..tvm_api import attrs_dict
from .config import CONFIG, with_config
from .shapes import shape_of

KERNELS = 7
"""Version of the kernels. It grows when a knob changes its meaning or a kernel what it is good
at, so that what was measured before is not taken for what would be measured now."""
_STRATEGY = "strategy"


@dataclass(frozen=True)
class Operation:
    """What a layer computes, without how and without the values of its weights."""

    operator: str
    operands: tuple[tuple[str, tuple[int, ...]], ...]
    """Dtype and shape of each argument, the data first."""
    attrs: tuple[tuple[str, Any], ...]
    """Attributes by name, in order; lists are tuples."""

    @classmethod
    def of(cls, call: relax.Call) -> "Operation":
        """Describe a call; raises ModelError when a shape is not static."""
        attrs = {k: v for k, v in attrs_dict(call).items() if k not in (_STRATEGY, CONFIG)}
        operands = tuple((str(arg.ty.dtype), shape_of(arg)) for arg in call.args)
        return cls(str(call.op.name), operands, tuple(sorted(_frozen(attrs).items())))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Operation":
        """Read what :meth:`data` gives; raises ModelError when it is something else."""
        try:
            operands = tuple(
                (str(dtype), tuple(int(size) for size in shape))
                for dtype, shape in data["operands"]
            )
            attrs = tuple(sorted(_frozen(dict(data["attrs"])).items()))
            operation = cls(str(data["operator"]), operands, attrs)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"no layer: {type(error).__name__} {error}") from error
        operation.check()
        return operation

    def check(self) -> None:
        """Raise ModelError when there is no such operator or the operands do not fit it."""
        if self.operator not in LAYERS:
            raise ModelError(
                f"{self.operator!r} is no operator of a layer; known are {', '.join(LAYERS)}"
            )
        try:
            LAYERS[self.operator].infer_type(self.call())
        except ModelError:
            raise
        except Exception as error:
            # An argument that is missing, an attribute of another type: whatever Python says.
            raise ModelError(f"{self.operator} does not take {self.data()}: {error}") from error

    def data(self) -> dict[str, Any]:
        """Return the description as JSON has it."""
        return {
            "operator": self.operator,
            "operands": [[dtype, list(shape)] for dtype, shape in self.operands],
            "attrs": {k: list(v) if isinstance(v, tuple) else v for k, v in self.attrs},
        }

    @property
    def fingerprint(self) -> str:
        """Hash of the description and of the kernels' version: equal only for equal layers."""
        text = json.dumps({"kernels": KERNELS, **self.data()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def call(self, strategy: str = "", config: Mapping[str, int] | None = None) -> relax.Call:
        """Return a call of the operator on variables of these types."""
        variables = [
            relax.Var(f"operand{i}", relax.TensorType(shape, dtype))
            for i, (dtype, shape) in enumerate(self.operands)
        ]
        attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in self.attrs}
        call = LAYERS[self.operator](*variables, **attrs, strategy=strategy)
        return with_config(call, config or {})


def _frozen(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {str(k): tuple(v) if isinstance(v, list) else v for k, v in attrs.items()}
