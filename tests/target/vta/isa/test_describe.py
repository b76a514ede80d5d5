"""The documentation's tables are those of the instruction set."""

from pathlib import Path

from tvm_snn.target.vta.driver import opcodes
from tvm_snn.target.vta.isa.describe import as_driver_table, as_markdown, as_system_verilog
from tvm_snn.target.vta.isa.instruction_set import INSTRUCTIONS

PAGE = Path(__file__).parents[4] / "docs" / "fpga" / "instruction-set.md"


def test_the_page_is_up_to_date():
    """`python -m tvm_snn.target.vta.isa.describe > docs/fpga/instruction-set.md` makes it."""
    assert PAGE.read_text() == as_markdown()


def test_the_drivers_table_is_up_to_date():
    """`python -m tvm_snn.target.vta.isa.describe driver` makes it."""
    assert Path(opcodes.__file__).read_text() == as_driver_table()


def test_the_rtl_knows_every_opcode():
    text = as_system_verilog()

    for opcode in INSTRUCTIONS:
        assert f"OP_{opcode.mnemonic} = 4'd{opcode.number};" in text
