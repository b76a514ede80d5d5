import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm.script import ir as I
from tvm.script import tirx as T

import tvm_snn
from tests.compiled import small_inputs, small_network
from tvm_snn import threads

PROCESSORS = len(os.sched_getaffinity(0))
needs_two = pytest.mark.skipif(PROCESSORS < 2, reason="this machine has one processor")


@pytest.fixture(scope="module")
def workers() -> Callable[[], int]:
    """Tells how many threads TVM really runs a parallel loop on."""

    @I.ir_module
    class Module:
        @T.prim_func
        def main(ids: T.Buffer((64,), "uint64")):
            T.func_attr({"global_symbol": "main"})
            for i in T.parallel(64):
                ids[i] = T.call_extern("uint64", "pthread_self")

    run = tvm.compile(Module, target="llvm")["main"]

    def count() -> int:
        ids = tvm.runtime.tensor(np.zeros(64, "uint64"))
        run(ids)
        return len(set(ids.numpy().tolist()))

    return count


def in_fresh_thread(work: Callable[[], None]) -> None:
    """Run where TVM has no pool yet; what `work` raises is raised here."""
    failures = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@needs_two
def test_the_number_of_threads_goes_down_and_up_again(workers) -> None:
    def work() -> None:
        for count in (2, 1, 2, 1):
            threads.use_threads(count)
            assert workers() == count

    in_fresh_thread(work)


@needs_two
def test_a_network_keeps_its_number_next_to_others_and_in_other_threads(workers) -> None:
    artifact = small_network().artifact
    one, two = (tvm_snn.Network(artifact, num_threads) for num_threads in (1, 2))

    def work() -> None:
        for network in (one, two, one):
            network(*small_inputs())
            assert workers() == network.num_threads

    in_fresh_thread(work)
    in_fresh_thread(work)


def test_results_do_not_depend_on_it() -> None:
    network = tvm_snn.Network(small_network().artifact, 1)
    expected = network(*small_inputs())[0]
    network.num_threads = PROCESSORS
    in_fresh_thread(lambda: np.testing.assert_array_equal(network(*small_inputs())[0], expected))


@needs_two
def test_nothing_is_pinned() -> None:
    def work() -> None:
        threads.use_threads(1)
        assert len(os.sched_getaffinity(0)) == PROCESSORS

    in_fresh_thread(work)


@needs_two
def test_a_pool_that_TVM_started_smaller(monkeypatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, "1")
    network = tvm_snn.Network(small_network().artifact, 2)

    def work() -> None:
        threads.thread_count()
        with pytest.raises(tvm_snn.SnnError, match="started this thread's pool with 1"):
            network(*small_inputs())
        threads.use_threads(2, insist=False)

    in_fresh_thread(work)


@pytest.mark.parametrize("count", [0, -1, 1.0, True, "2"])
def test_what_is_no_number_of_threads(count, tmp_path) -> None:
    network = tvm_snn.Network(small_network().artifact, 1)
    with pytest.raises(tvm_snn.SnnError, match="num_threads is a number from 1 on"):
        network.num_threads = count
    assert network.num_threads == 1
    network.save(tmp_path / "n.snn")
    with pytest.raises(tvm_snn.SnnError, match="num_threads is a number from 1 on"):
        tvm_snn.load(tmp_path / "n.snn", num_threads=count)
    assert tvm_snn.load(tmp_path / "n.snn", num_threads=1).num_threads == 1


def test_more_threads_than_processors() -> None:
    with pytest.raises(tvm_snn.SnnError, match=f"may run on {PROCESSORS} processors"):
        threads.check_threads(PROCESSORS + 1)


def test_the_default_is_the_environment_then_the_cores(monkeypatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, "1")
    assert threads.check_threads(None) == 1
    monkeypatch.setenv(threads.VARIABLE, "1000")
    assert threads.check_threads(None) == PROCESSORS
    monkeypatch.delenv(threads.VARIABLE)
    assert threads.check_threads(None) == min(threads.usable_cores(), PROCESSORS)
    for text in ("many", "0", "-1"):
        monkeypatch.setenv(threads.VARIABLE, text)
        with pytest.raises(tvm_snn.SnnError, match="write a number from 1 on"):
            threads.check_threads(None)


def test_hardware_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for processor, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{processor}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert threads._cores({0, 1, 2, 3}, tmp_path) == 2
    assert threads._cores({0, 2}, tmp_path) == 1
    assert threads._cores({7, 9}, tmp_path) == 2, "not described"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("150000 100000\n", 2),
        ("100000 100000\n", 1),
        ("max 100000\n", PROCESSORS),
        ("", PROCESSORS),
    ],
)
def test_the_quota_of_a_container(tmp_path: Path, text: str, expected: int) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(text)
    assert threads._quota(path) == expected
    assert threads._quota(tmp_path / "missing") == PROCESSORS
