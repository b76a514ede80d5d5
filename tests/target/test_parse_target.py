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


@pytest.mark.parametrize(
    ("cpu", "amd", "split_vectors"),
    [
        ("haswell", False, False),
        ("sapphirerapids", False, False),
        ("znver3", True, False),
        ("znver4", True, True),
        ("znver5", True, False),
    ],
)
def test_processors_of_amd_are_known_by_their_extensions(cpu, amd, split_vectors) -> None:
    features = features_of(parse_target(f"llvm -mcpu={cpu}"))
    assert (features.amd, features.split_vectors) == (amd, split_vectors)


@pytest.mark.parametrize(
    ("target", "cpu"),
    [
        ("llvm -mcpu=cortex-a53", "cortex-a53"),
        ("llvm -mcpu=cortex-a72", "cortex-a72"),
        ({"kind": "llvm", "mcpu": "cortex-a76"}, "cortex-a76"),
        ("raspberry-pi-3", "cortex-a53"),
        ("raspberry-pi-4", "cortex-a72"),
        ("raspberry-pi-5", "cortex-a76"),
        ("raspberry-pi/4b-aarch64", "cortex-a72"),
    ],
)
def test_boards_of_64_bits(target, cpu) -> None:
    parsed = parse_target(target)
    features = features_of(parsed)
    assert parsed.attrs["mcpu"] == cpu
    assert parsed.attrs["mtriple"] == "aarch64-unknown-linux-gnu"
    assert (features.architecture, features.vector_bits) == ("aarch64", 128)
    assert (features.neon, features.vfp, features.i8mm) == (True, 5, False)
    assert features.dotprod == (cpu == "cortex-a76")
    assert features.in_order == (cpu == "cortex-a53")
    assert {"neon", "fp-armv8"} <= extensions_of(parsed)


@pytest.mark.parametrize(
    ("target", "cpu", "vfp"),
    [
        ("llvm -mcpu=cortex-a9", "cortex-a9", 3),
        ("llvm -mcpu=cortex-a7", "cortex-a7", 4),
        ({"kind": "llvm", "mcpu": "cortex-a9"}, "cortex-a9", 3),
        ("pynq-z2", "cortex-a9", 3),
        ("llvm -mcpu=cortex-a53 -mtriple=armv7-linux-gnueabihf", "cortex-a53", 5),
    ],
)
def test_boards_of_32_bits_pass_floats_in_registers(target, cpu, vfp) -> None:
    parsed = parse_target(target)
    features = features_of(parsed)
    assert parsed.attrs["mcpu"] == cpu
    assert parsed.attrs["mtriple"] == "armv7-unknown-linux-gnueabihf"
    assert parsed.attrs["mfloat-abi"] == "hard"
    assert (features.architecture, features.neon, features.vfp) == ("armv7", True, vfp)


@pytest.mark.parametrize("target", ["host", "raspberry-pi-5", "pynq-z2", "raspberry-pi/4b-aarch64"])
def test_a_target_written_out_is_the_same_target(target) -> None:
    parsed = parse_target(target)
    assert str(parse_target(str(parsed))) == str(parsed)


def test_a_board_takes_options() -> None:
    target = parse_target("raspberry-pi-4 -num-cores=2 -mattr=+dotprod")
    assert (target.attrs["num-cores"], features_of(target).dotprod) == (2, True)
    assert features_of(parse_target("pynq-z2 -mattr=-neon")).neon is False


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
        ("llvm -mcpu=nonsense", "no processor 'nonsense'.* Known are .*haswell.*cortex-a9"),
        ("llvm -mcpu=cortex-72", "Did you mean cortex-a72"),
        ("llvm -mcpu=cortex-a9 -mtriple=aarch64-linux-gnu", "'cortex-a9' for aarch64-linux-gnu"),
        ("raspberry-pi-9", "raspberry-pi-4, raspberry-pi-5, pynq-z2"),
        ("llvm -wrong=1", "'-wrong=1', which is not understood.* -mcpu=, -mtriple="),
        ("llvm haswell", "'haswell', which is not understood"),
        ("llvm -num-cores=many", "must be a number"),
        ("nonsense", "does not know the target"),
        ("no/such-tag", "does not know the target"),
        ({"kind": "llvm", "wrong": 1}, "does not know the target.* 'mcpu', 'mtriple'"),
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
