"""`python -m tvm_snn.cli`: the command line where a module is asked for, as by torchrun."""

from . import main

main(prog_name="tvm-snn")
