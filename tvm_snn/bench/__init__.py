"""Benchmarks: our kernels and compiled networks next to the best of other engines, in one process.

`tvm-snn bench` and `make bench` end here. The packages of other engines are the extra `[bench]`;
an engine that is not installed is named and left out.
"""
