"""Slopes: by what a gradient is multiplied when it passes a sign.

Each takes x of any shape and float dtype and returns the surrogate's derivative at x, in the
shape and dtype of x.
"""

from torch import Tensor


def clipped_slope(x: Tensor) -> Tensor:
    """The derivative of clip(x, -1, 1): 1 where |x| <= 1, else 0.

    Source: Hubara et al., "Binarized Neural Networks", NeurIPS 2016, Sec. 2.3.
    """
    return (x.abs() <= 1).to(x.dtype)


def polynomial_slope(x: Tensor) -> Tensor:
    """The derivative of Bi-Real Net's piecewise polynomial: max(0, 2 - 2|x|).

    The surrogate is 2x + x^2 on [-1, 0), 2x - x^2 on [0, 1) and sign(x) outside. Source: Liu et
    al., "Bi-Real Net", ECCV 2018, "Approximation to the derivative of the sign function".
    """
    return (2 - 2 * x.abs()).clamp_(min=0)


def error_decay_slope(x: Tensor, progress: Tensor) -> Tensor:
    """The derivative of k tanh(t x): k t (1 - tanh(t x)^2), sharper as training goes on.

    t = T_min (T_max / T_min)^progress with T_min = 0.1 and T_max = 10, k = max(1 / t, 1);
    `progress` (0-d) runs from 0 to 1. At the start the surrogate is nearly the identity, at the
    end nearly the sign. Source: Qin et al., "IR-Net", CVPR 2020, Sec. 3.3 (error decay
    estimator).
    """
    t = _T_MIN * (_T_MAX / _T_MIN) ** progress
    k = (1 / t).clamp(min=1)
    return (k * t) * (1 - (t * x).tanh().square())


_T_MIN = 0.1
_T_MAX = 10.0
