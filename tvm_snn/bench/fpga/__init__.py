"""The accelerator's report: cycles of its RTL, layer by layer, and what it takes of an FPGA.

stacks       the 3x3 layers of ResNet-18 and ResNet-34, as the accelerator computes them
attribution  which layer an instruction belongs to
reference    what the stacks compute, by plain convolution
runs         stacks on the RTL, or in the cycle model: rows, one a layer
tables       the rows as tables
timeline     when each engine worked, as pictures
resources    what yosys and nextpnr make of a configuration, as tables
equal_luts   sub-bit hardware next to binary hardware of its size
session      one run of the report
"""
