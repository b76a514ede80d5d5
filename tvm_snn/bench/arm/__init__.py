"""Kernels for ARM without a board: run under qemu, counted, and timed by llvm-mca's model.

machines     the processors, as TVM, the linker, the emulator and llvm-mca know them
standalone   a lowered module as a program of its own: C that calls the kernels in order
emulate      linking such programs, and running them under qemu
"""
