"""Files that the command line reads, made once."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.tvm_snn.cli.factories import HERE, SHAPE, exported
from tvm_snn.cli import main


def tvm_snn(*arguments: object) -> Result:
    """Run the command line in this process; an exception that is no exit fails the test."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def failure(*arguments: object, status: int = 1) -> str:
    """Run a command that has to fail; return what it says, which must not be on stdout."""
    result = tvm_snn(*arguments)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with net.onnx, net.pt2, net.snn (of the same network), two.snn and x.npy."""
    folder = tmp_path_factory.mktemp("cli")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported(folder)
    for factory, name in ((f"{HERE}:network_with_inputs", "net"), (f"{HERE}:two_outputs", "two")):
        result = tvm_snn("compile", factory, "-o", folder / f"{name}.snn")
        assert result.exit_code == 0, result.output
    generator = np.random.default_rng(0)
    np.save(folder / "x.npy", generator.normal(size=SHAPE).astype(np.float32))
    return folder
