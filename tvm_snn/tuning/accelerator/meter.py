"""Counts the cycles that a region takes under tilings: on the RTL, or in the cycle model."""

from collections.abc import Sequence

from ...target.vta.codegen.generate import generate
from ...target.vta.codegen.layer import Layer
from ...target.vta.codegen.plan import PlannedLayer, plan
from ...target.vta.codegen.tuned import Tilings
from ...target.vta.configuration import Configuration
from ...target.vta.cycle_model import predicted_cycles
from ...target.vta.simulator.rtl import RtlSimulator


class Meter:
    """Generates the program of some layers, and counts what it takes.

    Cycles do not depend on the data: images are zeros. The same tilings give the same cycles.
    """

    def __init__(
        self, layers: Sequence[Layer], hardware: Configuration, rtl: RtlSimulator | None
    ) -> None:
        """Take the layers of a region, and the RTL; without it, the cycle model counts."""
        self.layers, self.hardware, self._rtl = list(layers), hardware, rtl

    def planned(self, tilings: Tilings) -> list[PlannedLayer]:
        """Return how the layers are cut."""
        return plan(self.layers, self.hardware, tilings)

    def cycles(self, tilings: Tilings) -> int:
        """Return the cycles of the region's program.

        Raises SnnError where there is none: a cut that fits a layer may not fit its neighbours.
        """
        program = generate(self.layers, self.hardware, tilings)
        if self._rtl is None:
            return predicted_cycles(program.instructions, self.hardware)
        return self._rtl.simulate(program.instructions, program.dram()).cycles
