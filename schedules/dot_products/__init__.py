"""Strategy `dot_products`: ARM's products of bytes, for levels (W1Ak).

strategy        what the strategy can compute, at what cost, with which knobs
products        the instructions, and the order of bytes that each wants
byte_image      the image with its border, in that order
core            the kernel: pixels by outputs in registers
"""

from .strategy import NAME, beats_counting, cycles, legalize, obstacle, remark, space

__all__ = ["NAME", "beats_counting", "cycles", "legalize", "obstacle", "remark", "space"]
