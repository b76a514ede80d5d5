"""Strategy `xnor_popcount`: products of signs as xor, sums as population counts.

strategy        what the strategy can compute, at what cost, with which knobs
sign_words      words of a width that fits the channels, of weights and of data
sign_image      the image of words around which nothing counts
core            the kernel: pixels by vectors of outputs in registers
"""

from .strategy import NAME, cycles, legalize, obstacle, remark, space

__all__ = ["NAME", "cycles", "legalize", "obstacle", "remark", "space"]
