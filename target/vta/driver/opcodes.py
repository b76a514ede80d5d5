"""Made by `python -m tvm_snn.target.vta.isa.describe driver`; do not edit."""

OPCODES = {
    1: ("LOAD", (0,)),
    2: ("LDACT", (0,)),
    3: ("SHAPE", (1,)),
    4: ("RESP", (1,)),
    5: ("GATH", (2,)),
    6: ("BCONV", (1, 2)),
    7: ("ALU", (3,)),
    8: ("STPLN", (4,)),
    9: ("STVEC", (4,)),
    10: ("KEEP", (4,)),
    15: ("FINISH", ()),
}
"""By number: mnemonic, and the engines that execute it."""
