import tvm
from tvm import relax

from tests.building import module, tensor
from tvm_snn.relay_passes.trace_kernels import trace_kernels


def test_a_scalar_constant_fused_into_a_group_is_followed():
    """FuseOps hands a constant to the group as an argument."""

    def body(builder, x):
        positive = builder.emit(relax.op.greater_equal(x, relax.const(0.0)))
        return builder.emit(relax.op.where(positive, relax.const(1.0), relax.const(-1.0)))

    with tvm.target.Target("llvm"):
        legalized = relax.transform.LegalizeOps()(module([tensor("x", 2, 3)], body))
        passes = [relax.transform.AnnotateTIROpPattern(), relax.transform.FuseOps()]
        fused = tvm.transform.Sequential(passes)(legalized)
    (kernel,) = trace_kernels(legalized, fused)
    assert len(kernel.computes) == 2
    assert kernel.outputs == kernel.computes[1:]
