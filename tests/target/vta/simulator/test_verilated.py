"""Compiled RTL is kept, shared between processes, and made anew when its sources change."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tvm_snn.errors import SnnError
from tvm_snn.target.vta.configuration import load_configuration
from tvm_snn.target.vta.simulator import verilated
from tvm_snn.target.vta.simulator.verilated import compiled_library

TINY = load_configuration("tiny")


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """Return the list of configurations that were built, in a cache of this test's own."""
    built = []

    def build(hardware, folder):
        built.append(hardware)
        time.sleep(0.1)
        (folder / "library").write_text("compiled")
        return folder / "library"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(verilated, "_build", build)
    return built


def test_whoever_comes_while_a_library_is_built_waits_for_it(builds):
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(compiled_library, [TINY] * 4))

    assert builds == [TINY]
    (path,) = paths
    assert path.read_text() == "compiled"


def test_another_configuration_and_other_sources_make_another_library(
    builds, tmp_path, monkeypatch
):
    first = compiled_library(TINY)
    other = compiled_library(replace(TINY, pixels=4))
    changed = tmp_path / "bridge.cpp"
    changed.write_text("// changed")
    monkeypatch.setattr(verilated, "_BRIDGE", changed)
    third = compiled_library(TINY)

    assert len({first, other, third}) == 3
    assert compiled_library(TINY) == third
    assert len(builds) == 3


def test_a_clock_makes_no_other_library(builds):
    assert compiled_library(TINY) == compiled_library(replace(TINY, clock_mhz=1.0))
    assert len(builds) == 1


@pytest.mark.usefixtures("builds")
def test_a_build_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(_hardware, folder):
        (folder / "half").write_text("half")
        raise SnnError("g++ failed")

    with monkeypatch.context() as patch:
        patch.setattr(verilated, "_build", fail)
        with pytest.raises(SnnError, match="failed"):
            compiled_library(TINY)
    left = [path.suffix for path in (tmp_path / "tvm_snn" / "rtl").iterdir()]
    assert left == [".lock"]

    assert compiled_library(TINY).exists()
