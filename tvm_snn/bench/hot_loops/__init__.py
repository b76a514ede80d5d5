"""What holds our kernels on x86: whole layers taken apart into blocks of assembly.

`python -m tvm_snn.bench.hot_loops` compiles layers of ResNet-18 as the other benchmarks do, counts
how often each block of their instructions runs, lets llvm-mca say how many cycles a run takes and
which ports it keeps busy, runs the busiest loop alone on this machine, and times the whole layer.
Work is in (o,c): what one input channel adds to one output of one pixel, nine products.

steps       how often each block runs: counted by single steps
model       cycles and ports of a block by llvm-mca, which knows no caches
replay      a loop alone on this machine, all its data in the first-level cache
mixture     instructions of both widths, which its model has wrong
parts       what a block is for, by its instructions
layer       a layer taken apart: parts, model, measured time
tables      what is shown of it
"""
