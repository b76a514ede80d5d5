"""The calls that a board answers, by name. Each takes one message and returns one (`messages`)."""

VERSION = 1
"""Raised whenever an older board would misunderstand a call."""
DEFAULT_PORT = 9090

DESCRIBE = "tvm_snn.remote.describe"
"""Returns "protocol", "tvm_snn", "tvm" (versions) and "machine"."""
LOAD = "tvm_snn.remote.load"
"""Takes "artifact", the bytes of one as an array, and "threads"; returns "network", a number."""
SET_THREADS = "tvm_snn.remote.set_threads"
"""Takes "network" and "threads" (or null); returns the "threads" that it runs on."""
RUN = "tvm_snn.remote.run"
"""Takes "network" and inputs; returns the outputs."""
CAPTURE = "tvm_snn.remote.capture"
"""Takes "network" and inputs; returns "calls", (kernel, number of buffers), and all buffers."""
MEASURE = "tvm_snn.remote.measure"
"""Takes "network", "runs" and inputs; returns "times", the fields of `Times`."""
COMPUTE = "tvm_snn.remote.compute"
"""Takes a library of `main` as the first array, "inputs", how many of the others are inputs, and
"network", on whose threads it runs; the rest are weights. Returns the outputs."""
UNLOAD = "tvm_snn.remote.unload"
"""Takes "network"."""

ERROR = "error"
"""In an answer: the name of the SnnError that was raised; "message" is its text."""
