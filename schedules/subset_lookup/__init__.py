"""Strategy `subset_lookup`: patches of signs address rows of a table made offline.

strategy          what the strategy can compute, at what cost, with which knobs
table             the table of responses, and indices in the order in which lookups read them
byte_lookup       the instructions that look up bytes: in a register, or in 16 bytes of it
framed_words      padding around packed signs, and where an image has zeros
segments          how an image is cut into the pixels that are encoded together
sign_codes        packed signs to codes of patches, by masks of channels
transposed_codes  the same by products of matrices of bits (GFNI)
column_codes      the same column by column, without masks (AVX2)
tile_sums         lookups, and sums of what they find, in registers
core              the kernel: codes, sums of tiles, results
"""

from .strategy import NAME, cycles, legalize, obstacle, remark, space

__all__ = ["NAME", "cycles", "legalize", "obstacle", "remark", "space"]
