"""The tables of layers taken apart."""

from collections.abc import Callable, Sequence

from ..rows import distinct
from ..table import Table, code_table
from .layer import LayerParts
from .mixture import Mixture
from .parts import RESULTS

_SHOWN = 4
_NETWORK = "all 16"


def loops_table(layers: Sequence[LayerParts]) -> Table:
    """Return what the loops do a cycle, and the ports they keep busy."""
    table = Table(
        "Loops that add responses up: by llvm-mca, alone on this machine, and the whole layer",
        [
            "layer",
            "kind",
            "target",
            "strategy",
            "(o,c) a turn",
            "cycles a turn, model",
            "cycles a turn, alone",
            "busiest ports",
            "(o,c) a cycle, model",
            "(o,c) a cycle, alone",
            "(o,c) a cycle, layer",
        ],
        note="The model is llvm-mca's of the processor, which has no caches. Alone, the loop's "
        "instructions run on this machine with all data in the first-level cache. Of the layer it "
        "is the time from packed signs or floats to floats, in the fastest of sixty turns; cycles "
        "are by the clock that a chain of known instructions shows right after it.",
    )
    for each in layers:
        loop = each.loop
        ports = [f"{name} {cycles:.1f}" for name, cycles in list(loop.ports.items())[:_SHOWN]]
        table.rows.append(
            [
                each.layer,
                each.kind,
                each.target,
                each.strategy,
                str(loop.work),
                f"{loop.cycles:.1f}",
                f"{loop.alone:.1f}",
                ", ".join(ports),
                f"{loop.work / loop.cycles:.1f}",
                f"{loop.work / loop.alone:.1f}",
                f"{each.work / each.measured:.1f}",
            ]
        )
    return table


def parts_table(layers: Sequence[LayerParts]) -> Table:
    """Return the parts of each layer, and what the measured time has besides."""
    table = Table(
        "Layers taken apart",
        ["layer", "part", "blocks", "instructions", "cycles", "busiest ports", "share"],
        note="Instructions are those that ran, counted one by one on this machine; cycles and "
        "ports are the model's; shares are of the measured time. *the loop beyond its model* is "
        "what its turns take longer alone on this machine; *caches, and what waits* is what is "
        "left of the measured time, negative where parts overlap.",
    )
    for each in layers:
        name = f"{each.layer}, {each.kind}, {each.target}"
        for part in each.parts:
            ports = [f"{port} {busy:,.0f}" for port, busy in list(part.ports.items())[:_SHOWN]]
            table.rows.append(
                [
                    name,
                    part.name,
                    str(part.blocks),
                    f"{part.instructions:,}",
                    *_share(each, part.cycles, ", ".join(ports)),
                ]
            )
        for what, cycles in (
            ("the loop beyond its model", each.explained - each.modelled),
            ("caches, and what waits", each.measured - each.explained),
            ("measured", each.measured),
        ):
            table.rows.append([name, what, "", "", *_share(each, cycles, "")])
    return table


def _share(layer: LayerParts, cycles: float, ports: str) -> list[str]:
    return [f"{cycles:,.0f}", ports, f"{cycles / layer.measured:.0%}"]


_BOUNDS: tuple[tuple[str, Callable[[LayerParts], float]], ...] = (
    ("as measured", lambda layer: layer.measured),
    ("no misses, nothing waits", lambda layer: layer.explained),
    ("model of all parts", lambda layer: layer.modelled),
    ("loop alone, results", lambda layer: layer.looping + _results(layer)),
    ("loop alone", lambda layer: layer.looping),
    ("loop by the model", lambda layer: layer.loop.turns * layer.loop.cycles),
)


def _results(layer: LayerParts) -> float:
    return sum(part.cycles for part in layer.parts if part.name == RESULTS)


def bounds_table(layers: Sequence[LayerParts]) -> Table:
    """Return what layers would take if more and more of them were free, in thousands of cycles."""
    names = distinct(layers, "layer")
    table = Table(
        "What would be left: thousands of cycles",
        ["kind", "what counts", *names, _NETWORK, "times as fast"],
        note=f"*{_NETWORK}* counts each layer as often as ResNet-18 has it, where all of them were "
        "taken apart.",
    )
    for kind in distinct(layers, "kind"):
        for target in distinct(layers, "target"):
            own = [each for each in layers if (each.kind, each.target) == (kind, target)]
            whole = [each.layer for each in own] == names
            for what, cycles in _BOUNDS if own else ():
                found = {each.layer: cycles(each) for each in own}
                total = sum(each.count * cycles(each) for each in own)
                measured = sum(each.count * each.measured for each in own)
                table.rows.append(
                    [
                        f"{kind}, {target}",
                        what,
                        *(f"{found[name] / 1e3:.0f}" if name in found else "" for name in names),
                        f"{total / 1e3:.0f}" if whole else "",
                        f"{measured / total:.2f}",
                    ]
                )
    return table


def mixtures_table(found: Sequence[Mixture]) -> Table:
    """Return what instructions take beside one another."""
    return Table(
        "Instructions beside one another",
        ["instructions", "cycles, model", "cycles, alone"],
        [[each.what, f"{each.model:.1f}", f"{each.alone:.1f}"] for each in found],
    )


def code_tables(layers: Sequence[LayerParts]) -> list[Table]:
    """Return the instructions of each loop."""
    return [
        code_table(
            f"{each.layer}, {each.kind}, {each.target}: {each.strategy}", each.loop.instructions
        )
        for each in layers
    ]


def layer_tables(layers: Sequence[LayerParts]) -> list[Table]:
    """Return all tables but those of instructions."""
    return [loops_table(layers), bounds_table(layers), parts_table(layers)]
