"""Kernels for ARM without a board: run under qemu, counted, and timed by llvm-mca's models.

machines     the processors, as TVM, the linker, the emulator and llvm-mca know them
standalone   a lowered module as a program of its own: C that calls the kernels in order
emulate      compiling and linking such programs, and running them under qemu
blocks       how often each block of instructions runs
model        what the blocks take, by llvm-mca
hot_blocks   the busiest blocks of chosen kernels, and the pipes they keep busy
kernels      our kernels for a layer, and those of other engines written by hand
networks     whole networks as C programs
report       tables and files
"""
