"""BatchNorm becomes a multiply and an add, rounded as PyTorch rounds."""

import numpy as np
import pytest
import torch
from tvm import relax
from tvm.ir import assert_structural_equal
from tvm.script import ir as I
from tvm.script import relax as R

from tvm_snn.errors import ModelError
from tvm_snn.relay_passes.decompose_batch_norm import DecomposeBatchNorm, affine_terms

GAMMA, BETA, MEAN, VARIANCE = (
    relax.const(np.array(values, "float32"))
    for values in ([2.0, -3.0], [0.5, 0.25], [1.0, 2.0], [4.0, 0.25])
)
# eps = 0: alpha = gamma / sqrt(var) = (1, -6), beta' = beta - mean * alpha = (-0.5, 12.25).
ALPHA, OFFSET = (
    np.array(values, "float32").reshape(1, 2, 1, 1) for values in ([1.0, -6.0], [-0.5, 12.25])
)


def test_first_field_of_the_tuple_becomes_affine():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 3, 3), "float32")):
            with R.dataflow():
                normed = R.nn.batch_norm(
                    x, GAMMA, BETA, MEAN, VARIANCE, axis=1, epsilon=0.0, training=False
                )
                gv = normed[0]
                R.output(gv)
            return gv

    alpha, offset = relax.const(ALPHA), relax.const(OFFSET)

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 2, 3, 3), "float32")):
            with R.dataflow():
                lv = R.multiply(x, alpha)
                gv = R.add(lv, offset)
                R.output(gv)
            return gv

    after = relax.transform.DeadCodeElimination()(DecomposeBatchNorm()(Before))
    assert_structural_equal(after, Expected)


def test_channels_last_and_without_scale_and_center():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 3, 3, 2), "float32")):
            with R.dataflow():
                normed = R.nn.batch_norm(
                    x,
                    GAMMA,
                    BETA,
                    MEAN,
                    VARIANCE,
                    axis=-1,
                    epsilon=0.0,
                    center=False,
                    scale=False,
                    training=False,
                )
                gv = normed[0]
                R.output(gv)
            return gv

    alpha = relax.const(np.array([0.5, 2.0], "float32").reshape(1, 1, 1, 2))
    offset = relax.const(np.array([-0.5, -4.0], "float32").reshape(1, 1, 1, 2))

    @I.ir_module
    class Expected:
        @R.function
        def main(x: R.Tensor((1, 3, 3, 2), "float32")):
            with R.dataflow():
                lv = R.multiply(x, alpha)
                gv = R.add(lv, offset)
                R.output(gv)
            return gv

    after = relax.transform.DeadCodeElimination()(DecomposeBatchNorm()(Before))
    assert_structural_equal(after, Expected)


def test_training_mode_and_computed_statistics_stay():
    @I.ir_module
    class Before:
        @R.function
        def main(x: R.Tensor((1, 2, 3, 3), "float32"), mean: R.Tensor((2,), "float32")):
            with R.dataflow():
                train = R.nn.batch_norm(x, GAMMA, BETA, MEAN, VARIANCE, axis=1, training=True)
                lv = train[0]
                computed = R.nn.batch_norm(lv, GAMMA, BETA, mean, VARIANCE, axis=1, training=False)
                gv = computed[0]
                R.output(gv)
            return gv

    assert_structural_equal(DecomposeBatchNorm()(Before), Before)


@pytest.mark.parametrize("seed", range(3))
def test_terms_are_those_of_pytorch_bit_for_bit(seed):
    """x * alpha + beta' at float64 precision, rounded once: PyTorch's kernel uses fma."""
    generator = torch.Generator().manual_seed(seed)
    norm = torch.nn.BatchNorm2d(64).eval()
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.normal_(generator=generator)
        norm.running_var.uniform_(0.01, 9.0, generator=generator)
        x = torch.randn((2, 64, 9, 7), generator=generator)
        expected = norm(x).numpy()
        statistics = [
            tensor.detach().numpy()
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        ]
    alpha, offset = (
        term.reshape(1, -1, 1, 1).astype("float64") for term in affine_terms(*statistics, norm.eps)
    )
    fused = (x.numpy().astype("float64") * alpha + offset).astype("float32")
    np.testing.assert_array_equal(fused, expected)


def test_a_negative_variance_is_refused() -> None:
    ones = np.ones(3, np.float32)
    with pytest.raises(ModelError, match=r"the variance -0\.5 at channel 1"):
        affine_terms(ones, ones, ones, np.array([1, -0.5, 2], np.float32), 1e-5)
