"""Strategy `subset_gather`: each response is computed once, each output picks its own and adds.

strategy        what the strategy can compute, at what cost, with which knobs
elements        what is added up: dtypes from the data to the result
image_planes    channels-last floats and levels to planes of pixels
unpack_signs    packed signs to planes of pixels
responses       the responses to a subset, known or not when a network is compiled
shared_sums     what responses to a known subset share
picks           which response each output picks, several in a word
transpose       squares transposed in registers, for results with outputs side by side
bands           rows of a large image that one job computes
sizes           blocks of pixels, chunks of units, jobs
block           what computes a block of pixels: each output picks its responses and adds
core            the kernel: from the data to the result
"""

from .strategy import NAME, cycles, legalize, obstacle, remark, space

__all__ = ["NAME", "cycles", "legalize", "obstacle", "remark", "space"]
