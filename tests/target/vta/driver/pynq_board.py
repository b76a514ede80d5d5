"""A simulated board behind the real `pynq` package: a script for a Python without tvm_snn.

    python -I pynq_board.py SITE WHERE

SITE is a folder of packages with `pynq`. WHERE holds a copy of the driver's folder, the compiled
RTL (accelerator.so), a bitstream's name (accelerator.bit and .hwh, empty), and a program:
program.bin, memory.npy, wanted.npy and identity.txt. Prints what went wrong, or what was counted.
"""

import ctypes
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import numpy as np
import pynq
from pynq.buffer import PynqBuffer
from pynq.pl_server.device import Device

REGISTERS, MEMORY, MEMORY_BYTES = 0x43C0_0000, 0x1000_0000, 1 << 20


class Metadata:
    """What `pynq` reads out of a .hwh file: one cell."""

    ip_dict = {
        "accelerator": {
            "phys_addr": REGISTERS,
            "addr_range": 1 << 16,
            "type": "xilinx.com:module_ref:accelerator_axi:1.0",
            "fullpath": "accelerator",
        }
    }
    gpio_dict = interrupt_controllers = interrupt_pins = hierarchy_dict = mem_dict = clock_dict = {}
    systemgraph = None


class SimulatedDevice(Device):
    """A device of `pynq` with the Verilated accelerator in its logic."""

    _probe_priority_ = 1
    capabilities = {"REGISTER_RW": True}

    @classmethod
    def _probe_(cls):
        return [cls("simulated")]

    def connect(self, library):
        """Put the accelerator beside some memory."""
        self.dram = np.zeros(MEMORY_BYTES, np.uint8)
        self.taken = 0
        self.library = library
        library.simulation_create.restype = ctypes.c_void_p
        library.simulation_read.restype = ctypes.c_uint32
        sizes = [ctypes.c_uint64(n) for n in (MEMORY, *[MEMORY_BYTES] * 3)]
        self.handle = ctypes.c_void_p(
            library.simulation_create(ctypes.c_void_p(self.dram.ctypes.data), *sizes, 30, 20, 1, 1)
        )

    def get_bitfile_metadata(self, bitfile_name):
        return Metadata()

    def download(self, bitstream, parser=None):
        self.downloaded = bitstream.bitfile_name
        super().post_download(bitstream, parser)

    def read_registers(self, address, length):
        self.library.simulation_run(self.handle, ctypes.c_uint64(100))
        value = self.library.simulation_read(self.handle, address - REGISTERS)
        return value.to_bytes(4, "little")[:length]

    def write_registers(self, address, data):
        value = int.from_bytes(bytes(data), "little")
        self.library.simulation_write(self.handle, address - REGISTERS, value)

    def allocate(self, shape, dtype, **kwargs):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        host = np.empty(size, np.uint8)
        place, self.taken = self.taken, self.taken + -(-size // 4096) * 4096
        return PynqBuffer(
            shape, dtype, device=self, device_address=MEMORY + place, bo=place, buffer=host
        )

    def flush(self, bo, offset, pointer, size):
        ctypes.memmove(self.dram.ctypes.data + bo + offset, pointer, size)

    def invalidate(self, bo, offset, pointer, size):
        ctypes.memmove(pointer, self.dram.ctypes.data + bo + offset, size)


def main(folder):
    """Run the program on the simulated board through the driver."""
    sys.path.insert(0, str(folder))
    import driver

    assert "tvm_snn" not in sys.modules
    (device,) = Device.devices
    device.connect(ctypes.CDLL(str(folder / "accelerator.so")))
    board = driver.PynqBoard(folder / "accelerator.bit")
    assert Path(device.downloaded) == folder / "accelerator.bit"
    accelerator = driver.Accelerator(board, int((folder / "identity.txt").read_text()))
    memory, wanted = np.load(folder / "memory.npy"), np.load(folder / "wanted.npy")
    program = accelerator.load((folder / "program.bin").read_bytes(), memory)
    for _ in range(2):
        counters = program.run()
        found = program.read(0, len(wanted))
        assert np.array_equal(found, wanted), "other bytes than the functional simulator's"
        assert type(found) is np.ndarray
        program.write(0, memory)
    print(pynq.__version__, counters.cycles > 0)


if __name__ == "__main__":
    main(Path(sys.argv[2]))
