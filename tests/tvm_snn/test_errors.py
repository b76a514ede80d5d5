import pytest
import tvm

import tvm_snn


@pytest.mark.parametrize(
    "error",
    [
        tvm_snn.ModelError,
        tvm_snn.UnsupportedOperatorError,
        tvm_snn.TargetError,
        tvm_snn.ArtifactError,
        tvm_snn.VerificationError,
    ],
)
def test_an_error_raised_inside_of_a_pass_stays_what_it_is(error: type[Exception]) -> None:
    @tvm.transform.module_pass(opt_level=0)
    def failing(_module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        raise error("conv1 is no convolution")

    with pytest.raises(error, match="conv1 is no convolution"):
        failing(tvm.IRModule())
