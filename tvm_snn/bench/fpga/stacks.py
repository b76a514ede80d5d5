"""The 3x3 layers of ResNets as the accelerator computes them: what the report is about."""

from dataclasses import dataclass, replace

import numpy as np

from ...errors import SnnError
from ...target.vta.codegen.layer import OUTSIDE, Epilogue, Layer
from ...target.vta.isa.instruction_set import Plane, Vector

DEPTHS = {"resnet18": (4, 4, 4, 4), "resnet34": (6, 8, 12, 6)}
"""3x3 convolutions of each stage, by the network's name in the zoo."""

_WIDTH = 64
_TAU = 5
_SIGN_BITS = 2


@dataclass(frozen=True)
class Kind:
    """What weights are, and how they are computed."""

    name: str
    binary: bool = False
    """As plain binary convolutions (BCONV)."""
    negation: bool = False
    """From a subset that is closed under negation."""

    @property
    def tau(self) -> int:
        """Bits of an index."""
        return 9 if self.binary else _TAU

    @property
    def kernels(self) -> int:
        """Kernels to which responses are computed; of a binary convolution, all there are."""
        return 1 << self.tau - self.negation


BNN = Kind("BNN", binary=True)
TAU5 = Kind("SNN, tau 5")
NEGATION = Kind("SNN, tau 5, closed under negation", negation=True)
KINDS = (BNN, TAU5, NEGATION)


def networks_named(names: str) -> list[str]:
    """Return the networks named as in "resnet18,resnet34", or "all".

    Raises SnnError for a name that is not in DEPTHS.
    """
    found = list(DEPTHS) if names == "all" else names.split(",")
    unknown = [name for name in found if name not in DEPTHS]
    if unknown:
        raise SnnError(
            f"The accelerator's report has no network {unknown[0]!r}; it has {', '.join(DEPTHS)}."
        )
    return found


def stack(
    network: str, kind: Kind, trunk: bool = False, size: int = 224, activation_bits: int = 2
) -> list[Layer]:
    """Return the 3x3 layers of a network of DEPTHS for images of size x size, with random weights.

    Between layers travel signs, or with 8 `activation_bits` requantised activations. With
    `trunk`, every layer also takes the trunk that the one before it stored, adds it as the zoo's
    residual units do (scale, bias, shortcut, PReLU) and stores its own, int16; where the shape
    changes, and at the first layer, the shortcut comes from outside: the 1x1 convolutions are not
    part of the stack. Layers are named "stage.number channels@side".
    """
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    side, channels = size // 4, _WIDTH
    depths = DEPTHS[network]
    for stage, depth in enumerate(depths):
        outputs = _WIDTH << stage
        for number in range(depth):
            stride = 2 if stage and not number else 1
            last = (stage, number) == (len(depths) - 1, depth - 1)
            same = bool(layers) and stride == 1
            layers.append(
                _layer(
                    rng,
                    kind,
                    f"{stage + 1}.{number + 1} {channels}@{side}" + (f"/{stride}" * (stride > 1)),
                    (side, channels, outputs, stride),
                    image=layers[-1].name if layers else OUTSIDE,
                    residual=(layers[-1].name if same else OUTSIDE) if trunk else None,
                    vector=Vector.NONE if last else _vector(activation_bits),
                )
            )
            side, channels = layers[-1].out_height, outputs
    return layers


def stage_of(layer: str) -> int:
    """Return the stage of a layer of a stack, from 1, by its name."""
    return int(layer.partition(".")[0])


def _layer(
    rng: np.random.Generator,
    kind: Kind,
    name: str,
    shape: tuple[int, int, int, int],
    image: str,
    residual: str | None,
    vector: Vector,
) -> Layer:
    side, channels, outputs, stride = shape
    trunk = residual is not None
    plane = Plane.NONE
    if trunk or vector is Vector.NONE:
        plane = Plane.TRUNK if trunk else Plane.ACCUMULATOR
    # Sums of nine times as many random terms grow with the root.
    requantize = (9 * channels).bit_length() // 2 if vector is Vector.REQUANTIZED else 0
    epilogue = _residual_epilogue(rng, outputs) if trunk else _threshold(rng, outputs)
    return Layer(
        name,
        side,
        side,
        rng.integers(0, 1 << kind.tau, (outputs, channels)),
        kind.tau,
        None if kind.binary else rng.permutation(512)[: kind.kernels][None],
        stride=stride,
        binary=kind.binary,
        negation=kind.negation,
        epilogue=replace(epilogue, requantize=requantize),
        plane=plane,
        vector=vector,
        image=image,
        residual=residual,
    )


def _vector(activation_bits: int) -> Vector:
    return Vector.SIGN if activation_bits == _SIGN_BITS else Vector.REQUANTIZED


def _threshold(rng: np.random.Generator, outputs: int) -> Epilogue:
    return Epilogue(parameters={"threshold": rng.integers(-20, 20, outputs)})


def _residual_epilogue(rng: np.random.Generator, outputs: int) -> Epilogue:
    return Epilogue(
        affine=True,
        shift=6,
        prelu=True,
        parameters={
            "scale": rng.integers(-100, 100, outputs),
            "bias": rng.integers(-1000, 1000, outputs),
            "slope": rng.integers(0, 1 << 14, outputs),
            "threshold": rng.integers(-20, 20, outputs),
        },
    )
