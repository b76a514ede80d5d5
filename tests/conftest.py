"""Settings that hold for all tests."""

import os
import signal

from hypothesis import settings

# Kernels are tiny here: threads would only get into each other's way.
os.environ.setdefault("TVM_NUM_THREADS", "2")
# PyTorch's threads wait for each other where the workers of pytest fill the cores already.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell's background job ignores Ctrl-C, and so would every program that a test starts and stops.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Compiling takes longer than hypothesis expects an example to take; seeds are fixed, so that a
# failure in CI is one that everybody sees.
settings.register_profile("tvm_snn", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("tvm_snn")
