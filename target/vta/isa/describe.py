"""The instruction set as the tables of the documentation and the constants of the RTL."""

import sys

from .fields import HEADER, INSTRUCTION_BITS, SECOND_HEADER, TOKENS_IN, TOKENS_OUT, Engine
from .instruction_set import INSTRUCTIONS

_INTRODUCTION = """# The accelerator's instructions

Made by `python -m tvm_snn.target.vta.isa.describe`; do not edit.

An instruction has 128 bits, the lowest first in memory. Each engine takes its instructions in
order. Before it begins one, it takes a token from every channel in its `wait` mask, and waits for
those that are not there; when it is done, it puts one into every channel in its `post` mask. Bits
of a mask to which no channel belongs do nothing.

Bits of an instruction that belong to no field are 0. The encoder refuses what is not legal, and the
hardware stops at it with a trap: OPCODE for an unknown instruction; FIELD for a value that is not
legal here, or larger than what the configuration has (kernels, groups, planes); ADDRESS for a line
past a memory's end; BUS for an address past the program's memory or between bus words.
"""


def as_markdown() -> str:
    """Return the page about the instruction set: the token channels, and every bit."""
    parts = [_INTRODUCTION, _token_table()]
    for opcode in INSTRUCTIONS:
        engines = " and ".join(engine.name.lower() for engine in opcode.engines)
        executed = f"{engines} engine" if engines else "fetch, which has no tokens"
        parts.append(f"### {opcode.mnemonic} ({opcode.number}): {executed}\n")
        parts.append(f"{opcode.meaning}\n")
        parts.append("| bits | field | legal | meaning |\n| ---: | --- | --- | --- |")
        for name, (field, position) in opcode.positions().items():
            last = position + field.bits - 1
            legal = f"{opcode.number}" if name == "opcode" else f"{field.least} to {field.largest}"
            parts.append(f"| {last}:{position} | `{name}` | {legal} | {field.meaning} |")
        parts.append("")
    return "\n".join(parts)


def as_driver_table() -> str:
    """Return the driver's module of mnemonics and engines; the driver stands without this one."""
    lines = [
        '"""Made by `python -m tvm_snn.target.vta.isa.describe driver`; do not edit."""',
        "",
        "OPCODES = {",
        *(
            f'    {opcode.number}: ("{opcode.mnemonic}", {tuple(map(int, opcode.engines))}),'
            for opcode in INSTRUCTIONS
        ),
        "}",
        '"""By number: mnemonic, and the engines that execute it."""',
    ]
    return "\n".join([*lines, ""])


def as_system_verilog() -> str:
    """Return what modules include: numbers of opcodes, positions of fields, functions."""
    lines = [
        "// Made from the instruction set's table; do not edit.",
        "  // No module uses every name.",
        "  // verilator lint_off UNUSEDPARAM",
        "  // verilator lint_off UNUSEDSIGNAL",
    ]
    for opcode in INSTRUCTIONS:
        lines.append(f"  localparam logic [3:0] OP_{opcode.mnemonic} = 4'd{opcode.number};")
    for name, value in _header_positions().items():
        lines.append(f"  localparam int {name} = {value};")
    for opcode in INSTRUCTIONS:
        own = {field.name for field in opcode.fields}
        for name, (field, position) in opcode.positions().items():
            if name in own:
                prefix = f"{opcode.mnemonic}_{name.upper()}"
                lines.append(f"  localparam int {prefix}_LSB = {position};")
                lines.append(f"  localparam int {prefix}_BITS = {field.bits};")
    lint = ["  // verilator lint_on UNUSEDSIGNAL", "  // verilator lint_on UNUSEDPARAM"]
    return "\n".join([*lines, *_functions(), *lint, ""])


def _header_positions() -> dict[str, int]:
    places, position = {}, 0
    for field in HEADER + SECOND_HEADER:
        places[f"{field.name.upper()}_LSB"] = position
        position += field.bits
    return places


def _token_table() -> str:
    rows = ["| engine | `wait`, from bit 0 | `post`, from bit 0 |", "| --- | --- | --- |"]
    for engine in Engine:
        taken, put = _names(TOKENS_IN[engine]), _names(TOKENS_OUT[engine])
        rows.append(f"| {engine.name.lower()} | {taken} | {put} |")
    return "\n".join([*rows, ""])


def _names(engines: tuple[Engine, ...]) -> str:
    return ", ".join(engine.name.lower() for engine in engines)


def _functions() -> list[str]:
    """Return the RTL's functions: which opcodes there are, for which engines, legal fields."""
    opcodes, engines, fields = {}, {}, {}
    for opcode in INSTRUCTIONS:
        name = f"OP_{opcode.mnemonic}"
        opcodes[name] = "1'b1"
        engines[name] = f"5'd{sum(1 << engine for engine in opcode.engines)}"
        conditions, end = [], 0
        for field, position in opcode.positions().values():
            end = position + field.bits
            if field.least:
                conditions.append(f"code[{end - 1}:{position}] >= {field.least}")
            if field.most is not None:
                conditions.append(f"code[{end - 1}:{position}] <= {field.most}")
        conditions.append(f"code[{INSTRUCTION_BITS - 1}:{end}] == 0")
        fields[name] = " && ".join(conditions)
    return [
        *_token_functions(),
        *_by_opcode("logic", "is_opcode", "logic [3:0] opcode", "opcode", opcodes),
        *_by_opcode("logic [4:0]", "engines_of", "logic [3:0] opcode", "opcode", engines),
        *_by_opcode("logic", "has_legal_fields", "logic [127:0] code", "code[3:0]", fields),
    ]


def _by_opcode(
    result: str, name: str, argument: str, selector: str, values: dict[str, str]
) -> list[str]:
    """Return a function that gives a value for each opcode, and 0 for what is none."""
    # Yosys knows no `return`: a function's value is assigned to its name.
    return [
        f"  function automatic {result} {name}(input {argument});",
        f"    case ({selector})",
        *(f"      {opcode}: {name} = {value};" for opcode, value in values.items()),
        f"      default: {name} = 0;",
        "    endcase",
        "  endfunction",
    ]


def _token_functions() -> list[str]:
    """Return which channels of tokens there are, and masks by engine instead of by bit."""
    pairs, taken, put = [], [], []
    for engine in Engine:
        for i, other in enumerate(TOKENS_IN[engine]):
            pairs.append(f"(from == {int(other)} && to == {int(engine)})")
            taken.append((int(engine), int(other), i))
        for i, other in enumerate(TOKENS_OUT[engine]):
            put.append((int(engine), int(other), i))
    return [
        "  function automatic logic is_channel(input int from, input int to);",
        f"    is_channel = {' || '.join(pairs)};",
        "  endfunction",
        *_mask_function("channels_in", taken),
        *_mask_function("channels_out", put),
    ]


def _mask_function(name: str, lines: list[tuple[int, int, int]]) -> list[str]:
    return [
        f"  function automatic logic [4:0] {name}(",
        "      input logic [2:0] engine, input logic [3:0] mask);",
        f"    {name} = 5'd0;",
        *(
            f"    if (engine == 3'd{engine}) {name}[{other}] = mask[{bit}];"
            for engine, other, bit in lines
        ),
        "  endfunction",
    ]


if __name__ == "__main__":
    print(as_driver_table() if "driver" in sys.argv[1:] else as_markdown(), end="")
