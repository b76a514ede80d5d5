import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tvm_snn
from tests.compiled import small_module, small_network
from tvm_snn import link
from tvm_snn.machine import Machine, Requirements
from tvm_snn.target import parse_target

MACHINES = {"aarch64": 183, "armv7": 40}
"""The machine's number in an ELF file."""


@pytest.mark.parametrize(
    ("target", "architecture"), [("raspberry-pi-4", "aarch64"), ("llvm -mcpu=cortex-a9", "armv7")]
)
def test_a_network_for_another_machine(target: str, architecture: str, tmp_path: Path) -> None:
    path = tmp_path / "net.snn"
    network = tvm_snn.compile(small_module(), target)
    network.save(path)
    library = network.artifact.library
    assert library[:4] == b"\x7fELF"
    assert int.from_bytes(library[18:20], "little") == MACHINES[architecture]
    asked = [(int(a), int(b)) for a, b in re.findall(rb"GLIBC_(\d+)\.(\d+)", library)]
    assert max(asked, default=(2, 0)) <= (2, 28)
    assert network.artifact.requirements.glibc == "2.28"
    with pytest.raises(tvm_snn.ArtifactError, match=f"compiled for {architecture} as in cortex-a"):
        tvm_snn.load(path)
    with pytest.raises(tvm_snn.ArtifactError, match=f"compiled for {architecture}.* and load it"):
        network(*(np.zeros(spec.shape, spec.dtype) for spec in network.inputs))


def test_cross_linking_without_ziglang_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr(link.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(tvm_snn.TargetError, match="pip install ziglang"):
        link.linker_command(parse_target("raspberry-pi-4"))


def test_a_system_without_a_linker_is_named() -> None:
    with pytest.raises(tvm_snn.TargetError, match=r"'armv7a-unknown-linux-eabi' is not supported"):
        link.zig_target_of(parse_target("arm/pynq"))
    with pytest.raises(tvm_snn.TargetError, match="'aarch64-apple-darwin' is not supported"):
        link.zig_target_of(parse_target("llvm -mtriple=aarch64-apple-darwin"))


def test_the_c_library_of_this_machine_is_new_enough_for_what_is_linked_here() -> None:
    needs = small_network().artifact.requirements
    assert needs.misfit(tvm_snn.machine.this_machine()) is None


def test_the_version_that_a_library_asks_for() -> None:
    assert link._glibc_of(b"\0GLIBC_2.4\0GLIBC_2.17\0GLIBC_2.2.5\0GLIBC_PRIVATE\0") == "2.17"
    assert link._glibc_of(b"\0no version\0") == ""


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (Machine("aarch64", ("neon", "fp-armv8"), "2.36", "a board"), None),
        (Machine("aarch64", ("neon", "fp-armv8"), "", "a board with musl"), None),
        (Machine("x86_64", ("avx2",), "2.36", "a laptop"), "a laptop is x86_64"),
        (Machine("aarch64", ("neon",), "2.36", "a board"), "with fp-armv8, which a board lacks"),
        (Machine("aarch64", ("neon", "fp-armv8"), "2.27", "a board"), r"2\.28 .*a board has 2\.27"),
        (Machine("aarch64", ("neon", "fp-armv8"), "2.9", "a board"), r"a board has 2\.9"),
    ],
)
def test_what_fits_a_machine(machine: Machine, message: str | None) -> None:
    found = Requirements.of(parse_target("raspberry-pi-4"), "2.28").misfit(machine)
    if message is None:
        assert found is None
    else:
        assert re.search(message, found)


def test_linking_says_what_the_linker_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.o"
    broken.write_bytes(b"no object")
    with pytest.raises(tvm_snn.TargetError, match=r"Linking the library failed: .*broken\.o"):
        link._runner(link.linker_command(parse_target("host")))(
            str(tmp_path / "x.so"), [str(broken)]
        )


def test_the_command_is_the_pythons_own() -> None:
    command = link.linker_command(parse_target("raspberry-pi-4"))
    assert command[0] == sys.executable
    assert subprocess.run([*command[:3], "version"], capture_output=True, check=True).stdout
