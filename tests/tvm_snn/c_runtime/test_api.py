"""The C functions, called with what they should refuse, and from several threads."""

import ctypes
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.compiled import small_inputs, small_network
from tests.tvm_snn.c_runtime import programs
from tvm_snn.c_runtime import CLibrary

OK, NULL_POINTER, WRONG_COUNT, WRONG_SIZE, OUT_OF_MEMORY, WRONG_PROCESSOR, DAMAGED, BUSY = range(8)
INPUTS, OUTPUTS = (1536, 64), (80, 2048)


class Buffer(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t))


class Api:
    """A network behind the plain functions, without the checks that tvm_snn.capi makes itself."""

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        for function in (self.library.snn_last_error, self.library.snn_status_text):
            function.restype = ctypes.c_char_p
        self.network = ctypes.c_void_p()
        assert self.library.snn_create(ctypes.byref(self.network)) == OK

    def run(self, inputs, outputs) -> int:
        sizes = ctypes.c_size_t(len(inputs or ())), ctypes.c_size_t(len(outputs or ()))
        return self.library.snn_run(self.network, inputs, sizes[0], outputs, sizes[1])

    @property
    def error(self) -> str:
        return self.library.snn_last_error(self.network).decode()


@pytest.fixture
def api(small_library: CLibrary) -> Iterator[Api]:
    api = Api(small_library.shared)
    yield api
    api.library.snn_destroy(api.network)


def buffers(sizes) -> ctypes.Array:
    """Return zeroed memory of the given sizes."""
    memory = [ctypes.create_string_buffer(max(size, 1)) for size in sizes]
    array = (Buffer * len(memory))(
        *((ctypes.addressof(m), size) for m, size in zip(memory, sizes, strict=True))
    )
    array.memory = memory
    return array


def test_a_good_run_leaves_no_error(api: Api) -> None:
    assert api.run(buffers(INPUTS), buffers((1, 1))) == WRONG_SIZE
    assert api.run(buffers(INPUTS), buffers(OUTPUTS)) == OK
    assert api.error == ""


@pytest.mark.parametrize(
    ("inputs", "outputs", "status", "message"),
    [
        (
            (1536,),
            OUTPUTS,
            WRONG_COUNT,
            "given are 1 inputs and 2 outputs, the network has 2 and 2",
        ),
        (INPUTS, (80, 2048, 1), WRONG_COUNT, "given are 2 inputs and 3 outputs"),
        ((1536, 65), OUTPUTS, WRONG_SIZE, "input 1 has 65 bytes, the network's has 64"),
        (INPUTS, (79, 2048), WRONG_SIZE, "output 0 has 79 bytes, the network's has 80"),
        ((0, 64), OUTPUTS, WRONG_SIZE, "input 0 has 0 bytes, the network's has 1536"),
        (None, OUTPUTS, NULL_POINTER, "the list of inputs is NULL"),
        (INPUTS, None, NULL_POINTER, "the list of outputs is NULL"),
    ],
)
def test_what_does_not_fit(api: Api, inputs, outputs, status: int, message: str) -> None:
    given = [None if sizes is None else buffers(sizes) for sizes in (inputs, outputs)]
    assert api.run(*given) == status
    assert message in api.error


@pytest.mark.parametrize(("list_", "message"), [(0, "input 1 is NULL"), (1, "output 1 is NULL")])
def test_data_that_is_null(api: Api, list_: int, message: str) -> None:
    given = buffers(INPUTS), buffers(OUTPUTS)
    given[list_][1].data = None
    assert api.run(*given) == NULL_POINTER
    assert message in api.error


def test_no_network(api: Api) -> None:
    library = api.library
    assert library.snn_create(None) == NULL_POINTER
    assert library.snn_run(None, buffers(INPUTS), 2, buffers(OUTPUTS), 2) == NULL_POINTER
    assert b"not created" in library.snn_last_error(None)
    library.snn_destroy(None)


def test_there_is_no_third_input_or_output(api: Api) -> None:
    for function in (api.library.snn_input_info, api.library.snn_output_info):
        function.restype = ctypes.c_void_p
        assert function(ctypes.c_size_t(1))
        assert not function(ctypes.c_size_t(2))
        assert not function(ctypes.c_size_t(2**32 - 1))


def test_every_status_has_a_text_of_its_own(api: Api) -> None:
    texts = {api.library.snn_status_text(status) for status in range(-1, BUSY + 1)}
    assert len(texts) == BUSY + 2
    assert api.library.snn_status_text(99) == api.library.snn_status_text(-1)


def test_out_of_memory(small_library: CLibrary, tmp_path: Path) -> None:
    program = programs.compile_program(
        programs.HERE / "no_memory.c",
        tmp_path / "no_memory",
        [small_library.static],
        programs.HOST,
        "-Wl,--wrap=malloc",
    )
    said = subprocess.run([program], capture_output=True, text=True, check=True, timeout=300).stdout
    assert re.fullmatch(r"1 1 1 1 out of memory: a network takes [\d,]+ bytes\n", said)


def test_two_networks_in_two_threads_at_once(small_library: CLibrary) -> None:
    """Each thread has a network and inputs of its own, and always gets its own outputs."""
    expected = [[a.tobytes() for a in small_network()(*small_inputs(seed))] for seed in range(2)]
    together = threading.Barrier(2)
    wrong = []

    def work(seed: int) -> None:
        api = Api(small_library.shared)
        given, taken = buffers(INPUTS), buffers(OUTPUTS)
        for memory, array in zip(given.memory, small_inputs(seed), strict=True):
            memory.raw = array.tobytes()
        together.wait(300)
        for _ in range(2000):
            status = api.run(given, taken)
            found = [memory.raw for memory in taken.memory]
            if status != OK or found != expected[seed]:
                wrong.append((seed, status))
        api.library.snn_destroy(api.network)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert wrong == []


def test_one_network_in_two_threads_is_refused(api: Api) -> None:
    """Whoever comes second while the network runs is told so; nothing is computed wrongly."""
    expected = [array.tobytes() for array in small_network()(*small_inputs())]
    seen: set[int] = set()
    wrong = []
    end = time.monotonic() + 60

    def work() -> None:
        given, taken = buffers(INPUTS), buffers(OUTPUTS)
        for memory, array in zip(given.memory, small_inputs(), strict=True):
            memory.raw = array.tobytes()
        while BUSY not in seen and time.monotonic() < end:
            status = api.run(given, taken)
            seen.add(status)
            if status == OK and [memory.raw for memory in taken.memory] != expected:
                wrong.append(status)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert seen == {OK, BUSY}
    assert wrong == []


def test_outputs_are_left_alone_when_a_run_is_refused(api: Api) -> None:
    taken = buffers(OUTPUTS)
    for memory in taken.memory:
        memory.raw = b"\x55" * len(memory)
    assert api.run(buffers((1536, 63)), taken) == WRONG_SIZE
    assert all(set(memory.raw) == {0x55} for memory in taken.memory)
    assert np.all(np.frombuffer(taken.memory[0].raw, np.uint8) == 0x55)
