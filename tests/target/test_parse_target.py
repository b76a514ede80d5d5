import pytest
import tvm

from tvm_snn import errors
from tvm_snn.target import extensions_of, features_of, host_extensions, parse_target


@pytest.mark.parametrize(
    ("target", "vector_bits", "popcount"),
    [
        ("llvm -mtriple=x86_64-linux-gnu", 128, False),
        ("llvm -mcpu=x86-64", 128, False),
        ("llvm -mcpu=haswell", 256, False),
        ("llvm -mcpu=sandybridge", 128, False),
        ("llvm -mcpu=skylake-avx512", 512, False),
        ("llvm -mcpu=icelake-server", 512, True),
        ("llvm -mcpu=x86-64 -mattr=+avx2", 256, False),
        ({"kind": "llvm", "mcpu": "znver4"}, 512, True),
        ('{"kind": "llvm", "mcpu": "haswell"}', 256, False),
        ("llvm -mtriple=aarch64-linux-gnu -mcpu=cortex-a72", 128, False),
    ],
)
def test_features_come_from_the_description(target, vector_bits, popcount) -> None:
    features = features_of(parse_target(target))
    assert (features.vector_bits, features.popcount) == (vector_bits, popcount)


def test_the_triple_follows_from_the_cpu() -> None:
    assert features_of(parse_target("llvm -mcpu=cortex-a72")).architecture == "aarch64"
    assert features_of(parse_target("llvm -mcpu=haswell")).architecture == "x86_64"


def test_host_has_the_extensions_that_the_processor_reports() -> None:
    assert extensions_of(parse_target("host")) == host_extensions()


def test_a_target_object_and_a_tag_pass_through() -> None:
    target = tvm.target.Target({"kind": "llvm", "mcpu": "haswell"})
    assert parse_target(target).attrs["mcpu"] == "haswell"
    assert features_of(parse_target("raspberry-pi/4b-aarch64")).architecture == "aarch64"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("", "empty"),
        ("llvm -mcpu=nonsense", "no processor 'nonsense'"),
        ("llvm -wrong=1", "'-wrong=1', which is not understood"),
        ("llvm haswell", "'haswell', which is not understood"),
        ("llvm -num-cores=many", "must be a number"),
        ("nonsense", "does not know the target"),
        ("no/such-tag", "does not know the target"),
        ({"kind": "llvm", "wrong": 1}, "does not know the target"),
        ('{"kind": "llvm"', "is no JSON"),
        (None, "not None"),
        ("llvm -mtriple=zzz", "'zzz' is of no supported architecture"),
        ({"kind": "llvm", "mtriple": "armvzzz-linux"}, "'armvzzz-linux' is of no supported"),
        ('{"kind": "llvm", "mtriple": "zzz"}', "'zzz' is of no supported architecture"),
        ("llvm -mattr=+avx2,+warp-drive", "no attribute '\\+warp-drive'"),
        ("llvm -mattr=-warp-drive", "no attribute '-warp-drive'"),
        ("llvm -mattr=avx2", "no attribute 'avx2'"),
    ],
)
def test_what_is_not_known_is_an_error_that_says_so(target, message) -> None:
    with pytest.raises(errors.TargetError, match=message):
        parse_target(target)
