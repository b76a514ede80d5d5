"""Which layer an instruction of a generated program belongs to."""

from bisect import bisect_right
from collections.abc import Iterator

from ...target.vta.codegen.generate import Program
from ...target.vta.codegen.segment import segments
from ...target.vta.isa.fields import Engine
from ...target.vta.isa.instruction_set import ALU, LOAD, LOAD_ACTIVATIONS


def layers_of_instructions(program: Program) -> list[int]:
    """Return for each instruction the place of its layer in the network.

    A load belongs to the layer that needs what is loaded, a store to the one whose results it
    stores.
    """
    sources = sorted(_sources(program))
    addresses = [address for address, _ in sources]
    order = segments(program.planned)
    computed = iter([segment.place for segment in order])
    finished = iter([segment.place for segment in order for _ in segment.chunks()])
    found, computing, finishing = [], 0, 0
    for one in program.instructions:
        if one.opcode in (LOAD, LOAD_ACTIVATIONS):
            found.append(sources[bisect_right(addresses, one["address"]) - 1][1])
        elif Engine.GATHER in one.opcode.engines:
            computing = next(computed)
            found.append(computing)
        elif one.opcode is ALU:
            finishing = next(finished)
            found.append(finishing)
        elif Engine.STORE in one.opcode.engines:
            found.append(finishing)
        else:
            # SHAPE, RESP come right before what they are for; FINISH comes last.
            found.append(-1)
    for place in range(len(found) - 1, -1, -1):
        if found[place] < 0:
            found[place] = found[place + 1] if place + 1 < len(found) else computing
    return found


def _sources(program: Program) -> Iterator[tuple[int, int]]:
    """Yield the addresses at which the data that a layer loads begins."""
    for place, (one, at) in enumerate(zip(program.planned, program.places, strict=True)):
        yield at.parameters, place
        if one.layer.subset is not None:
            yield at.subset, place
        if not one.kept_image:
            yield at.image, place
        if one.layer.residual is not None:
            yield at.residual, place
        for address in at.indices:
            yield address, place
