"""The functional simulator behind the registers of the hardware, for the driver."""

from dataclasses import astuple

import numpy as np

from ..configuration import Configuration
from ..driver import registers as at
from ..driver.registers import Places
from ..isa.encoding import InstructionError, decode
from ..isa.fields import INSTRUCTION_BYTES, Engine
from ..isa.instruction_set import FINISH, INSTRUCTIONS
from .functional import Machine
from .shared_memory import SharedBuffer, SharedMemory
from .trap import Trap, TrapError

_OPCODES = {opcode.number for opcode in INSTRUCTIONS}


class FunctionalDevice:
    """A simulated board: a program has run as soon as it is started. Counters stay 0."""

    def __init__(self, hardware: Configuration, memory_bytes: int = 1 << 28) -> None:
        """Make a board with so much memory."""
        self._memory = SharedMemory(memory_bytes)
        self._registers = _Registers(hardware, self._memory)

    @property
    def registers(self) -> "_Registers":
        """The accelerator's registers."""
        return self._registers

    def allocate(self, size: int) -> SharedBuffer:
        """Return zeroed memory. Raises DriverError when there is no room."""
        return self._memory.allocate(size)

    def now(self) -> float:
        """Return 0: there is no clock."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Do nothing: a program that runs has ended."""


class _Registers:
    def __init__(self, hardware: Configuration, memory: SharedMemory) -> None:
        self._hardware, self._memory = hardware, memory
        self._values = {at.STATUS: at.BUS_QUIET, at.IDENTITY: hardware.identity}

    def read(self, offset: int = 0) -> int:
        return self._values.get(offset, 0)

    def write(self, offset: int, data: int) -> None:
        if offset == at.CONTROL:
            self._values[at.STATUS] = at.BUS_QUIET
            if data & at.START:
                self._run()
        elif offset in (at.PROGRAM, at.LENGTH, at.MEMORY, at.MEMORY_SIZE):
            self._values[offset] = data

    def _run(self) -> None:
        start = self._values[at.PROGRAM] - self._memory.base
        size = self._values[at.LENGTH] * INSTRUCTION_BYTES
        data = self._values[at.MEMORY] - self._memory.base
        code = self._memory.bytes[start : start + size]
        status, places = self._execute(
            code.tobytes(), self._memory.bytes[data : data + self._values[at.MEMORY_SIZE]]
        )
        self._values[at.STATUS] = at.BUS_QUIET | status
        for i, value in enumerate(astuple(places)):
            self._values[at.FIRST_PLACE + 4 * i] = value

    def _execute(self, code: bytes, dram: np.ndarray) -> tuple[int, Places]:
        """Return status bits, and how far the program came."""
        program = []
        for place in range(0, len(code), INSTRUCTION_BYTES):
            one = code[place : place + INSTRUCTION_BYTES]
            try:
                program += decode(one)
            except InstructionError:
                trap = Trap.FIELD if one[0] & 15 in _OPCODES else Trap.OPCODE
                return trap << 4 | at.FETCH << 8, Places(len(program), 0, 0, 0, 0, 0)
            if program[-1].opcode is FINISH:
                break
        machine = Machine(program, dram, self._hardware)
        try:
            machine.run()
            status = int(at.FINISHED)
        except TrapError as error:
            engine = at.FETCH if machine.active is None else int(machine.active)
            if error.trap is Trap.DEADLOCK:
                engine = at.NOWHERE
            status = error.trap << 4 | engine << 8
        done = (machine.done[engine] for engine in Engine)
        return status, Places(machine.fetched, *done)
