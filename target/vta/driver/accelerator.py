"""The accelerator: programs are loaded into its memory, run, and looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import registers as at
from .device import Device
from .errors import DriverError, RunTimeoutError, TrappedError
from .registers import Counters, Places, Trap
from .whereabouts import INSTRUCTION_BYTES, describe_trap, describe_waiting

if TYPE_CHECKING:  # boards may have a numpy that is older than numpy.typing
    from numpy.typing import ArrayLike, NDArray

_PAUSE = 50e-6
"""Seconds between two looks at the status: a small layer's time."""
_RESET_TIME = 0.1
"""Seconds that bursts under way may take to end: far more than any memory needs."""

_LINE = 64
"""Bytes that memory is handed out in: no bus is wider."""


class Accelerator:
    """One accelerator. It runs one program at a time; any number may be loaded."""

    def __init__(self, device: Device, identity: int | None = None) -> None:
        """Take hold of a device's accelerator, and reset it.

        `identity` is that of the configuration for which programs were made
        (`Configuration.identity`). Raises DriverError when the hardware has another one.
        """
        self._device = device
        found = device.registers.read(at.IDENTITY)
        if identity is not None and found != identity:
            raise DriverError(
                f"The hardware's configuration is {found:08x}, but the program was made for "
                f"{identity:08x}: build the bitstream from the configuration that the network was "
                "compiled for, or compile it again"
            )
        self.reset()

    def load(self, instructions: bytes, memory: ArrayLike) -> Program:
        """Copy a program and its memory to where the accelerator sees them.

        `instructions` are 16 bytes each; their addresses count from the first byte of `memory`
        (uint8, one dimension: packed weights, and zeros where images and results will be). Raises
        DriverError for a program that is no whole number of instructions, and when the device has
        not enough memory.
        """
        if not instructions or len(instructions) % INSTRUCTION_BYTES:
            raise DriverError(
                f"A program has {INSTRUCTION_BYTES} bytes an instruction, this one "
                f"{len(instructions)} bytes altogether"
            )
        data = np.asarray(memory)
        if data.dtype != np.uint8 or data.ndim != 1 or not data.size:
            raise DriverError(
                f"A program's memory is a row of bytes, not {data.dtype} of shape {data.shape}"
            )
        return Program(self._device, self, instructions, data)

    def reset(self) -> None:
        """Stop whatever runs. Raises DriverError when the memory bus does not come to rest."""
        registers = self._device.registers
        registers.write(at.CONTROL, at.RESET)
        if not self._comes(at.BUS_QUIET, _RESET_TIME):
            raise DriverError(
                "The accelerator was reset, but transfers on its memory bus do not end: configure "
                "the programmable logic again"
            )

    def counters(self) -> Counters:
        """Return what was counted since the last start."""
        return Counters(*self._read(at.FIRST_COUNTER, at.COUNTERS))

    def places(self) -> Places:
        """Return how far the program came since the last start."""
        return Places(*self._read(at.FIRST_PLACE, at.PLACES))

    def _read(self, first: int, count: int) -> list[int]:
        return [self._device.registers.read(first + 4 * i) for i in range(count)]

    def _comes(self, bits: int, timeout: float) -> bool:
        """Wait until one of the status bits is set, or a trap; return whether it came in time."""
        device = self._device
        end = device.now() + timeout
        while True:
            late = device.now() >= end
            status = device.registers.read(at.STATUS)
            if status & bits or status >> 4 & 7:
                return True
            if late:
                return False
            device.sleep(_PAUSE)


class Program:
    """A program in the accelerator's memory. Use it in a `with`, or close it."""

    def __init__(
        self,
        device: Device,
        accelerator: Accelerator,
        instructions: bytes,
        memory: NDArray[np.uint8],
    ) -> None:
        """See Accelerator.load."""
        self._device, self._accelerator, self._instructions = device, accelerator, instructions
        self._code: Any = device.allocate(len(instructions))
        try:
            self._memory: Any = device.allocate(-(-len(memory) // _LINE) * _LINE)
        except DriverError:
            self._code.freebuffer()
            raise
        self._open = True
        self._code[:] = np.frombuffer(instructions, np.uint8)
        self._code.flush()
        self._memory[: len(memory)] = memory
        self._memory.flush()

    def write(self, address: int, data: ArrayLike) -> None:
        """Put an array's bytes into the program's memory, from this address of it on.

        Ranges that are written or read apart should not share 64 bytes: processors move memory in
        such lines. Raises DriverError past the memory's end.
        """
        values = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        part = self._part(address, len(values))
        part[:] = values
        part.flush()

    def read(self, address: int, size: int) -> NDArray[np.uint8]:
        """Return a copy of some bytes of the program's memory. Raises DriverError past its end."""
        part = self._part(address, size)
        part.invalidate()
        return np.array(part, np.uint8, subok=False)

    def run(self, timeout: float = 10.0) -> Counters:
        """Run from the first instruction to FINISH; return what the hardware counted.

        `timeout` is in seconds of the device's time. Raises TrappedError when the accelerator
        stops at an instruction and RunTimeoutError when it does not finish in time; after both, it
        was reset and can be used again.
        """
        self._check_open()
        registers = self._device.registers
        if registers.read(at.STATUS) & at.RUNNING:
            raise DriverError("The accelerator is running: it takes one program at a time")
        for register, value in (
            (at.PROGRAM, self._code.device_address),
            (at.LENGTH, len(self._instructions) // INSTRUCTION_BYTES),
            (at.MEMORY, self._memory.device_address),
            (at.MEMORY_SIZE, len(self._memory)),
            (at.CONTROL, at.START),
        ):
            registers.write(register, int(value))
        accelerator = self._accelerator
        ended = accelerator._comes(at.FINISHED, timeout)
        status, counted = registers.read(at.STATUS), accelerator.counters()
        if status & at.FINISHED:
            return counted
        places = accelerator.places()
        accelerator.reset()
        if not ended:
            raise RunTimeoutError(
                f"The program did not end within {timeout} s, {counted.cycles} cycles; "
                f"{describe_waiting(self._instructions, places)}"
            )
        trap, engine = Trap(status >> 4 & 7), status >> 8 & 7
        raise TrappedError(
            trap,
            f"after {counted.cycles} cycles, "
            + describe_trap(self._instructions, places, trap, engine),
        )

    def close(self) -> None:
        """Give the memory back; a second time does nothing."""
        if self._open:
            self._open = False
            self._code.freebuffer()
            self._memory.freebuffer()

    def __enter__(self) -> Program:
        """Return the program."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the program."""
        self.close()

    def _part(self, address: int, size: int) -> Any:
        self._check_open()
        if not 0 <= address <= address + size <= len(self._memory):
            raise DriverError(
                f"Bytes {address} to {address + size} of a memory of {len(self._memory)} bytes"
            )
        return self._memory[address : address + size]

    def _check_open(self) -> None:
        if not self._open:
            raise DriverError("The program was closed: load it again")
