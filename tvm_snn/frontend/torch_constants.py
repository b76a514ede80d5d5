"""Folds what an exported PyTorch program computes from its weights alone.

Binary networks binarise their weights inside `forward`; the exported graph repeats that work for
every input. PyTorch evaluates it here, with its own kernels, before TVM sees the graph.
"""

import operator
from typing import Any

import torch
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ExportGraphSignature,
    InputKind,
    InputSpec,
    TensorArgument,
)
from torch.fx import Graph, GraphModule, Node
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves

MAX_GROWTH = 16
"""An `expand` that repeats its input more often is left to TVM, which broadcasts for nothing."""

MAX_CREATED = 4096
"""Elements of a tensor made from nothing (`arange`, `full`) up to which it is written out."""


def fold_constants(program: ExportedProgram) -> ExportedProgram:
    """Return the program with every operator on constants replaced by a constant.

    `program` must be functional (after `run_decompositions`): in a graph without mutation, a node
    whose inputs are constants is a constant. Its graph is edited in place; its tensors are not.
    """
    graph = program.graph
    _erase_assertions(graph)
    tensors = named_tensors(program)
    values = _evaluate(program, tensors)
    folded: dict[str, torch.Tensor] = {}
    for node, value in values.items():
        if node.op == "call_function" and node.users:
            placeholder = _insert_placeholder(graph, node)
            folded[placeholder.name] = value
    graph.eliminate_dead_code()
    unused = [n for n in graph.find_nodes(op="placeholder") if n in values and not n.users]
    for node in unused:
        graph.erase_node(node)

    dropped = {node.name for node in unused}
    kept = [s for s in program.graph_signature.input_specs if s.arg.name not in dropped]
    # Each was inserted before all others, so they stand in the graph in reverse.
    new = [InputSpec(InputKind.CONSTANT_TENSOR, TensorArgument(n), n) for n in reversed(folded)]
    used = {spec.target for spec in kept}
    constants: dict[str, Any] = {name: t for name, t in tensors.items() if name in used}
    return ExportedProgram(
        root=GraphModule({}, graph),
        graph=graph,
        graph_signature=ExportGraphSignature([*new, *kept], program.graph_signature.output_specs),
        state_dict={name: t for name, t in program.state_dict.items() if name in used},
        range_constraints=program.range_constraints,
        module_call_graph=program.module_call_graph,
        constants=constants | folded,
    )


def named_tensors(program: ExportedProgram) -> dict[str, torch.Tensor]:
    """Return parameters, buffers and constants of a program by their names in the model."""
    tensors = {**program.state_dict, **program.constants}
    return {name: t.detach().cpu() for name, t in tensors.items() if isinstance(t, torch.Tensor)}


def _evaluate(program: ExportedProgram, tensors: dict[str, torch.Tensor]) -> dict[Node, Any]:
    """Evaluate all nodes that depend on weights only.

    Values that only other such nodes read are dropped on the way: the search for the nearest
    pattern makes tensors many times larger than the weights.
    """
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    values: dict[Node, Any] = {}
    readers = {node: len(node.users) for node in program.graph.nodes}
    with torch.no_grad():
        for node in program.graph.nodes:
            if node.op == "placeholder" and targets.get(node.name) in tensors:
                values[node] = tensors[targets[node.name]]
            elif _is_foldable(node) and all(read in values for read in node.all_input_nodes):
                args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = node.target(*args, **_on_cpu(kwargs))
                for read in node.all_input_nodes:
                    readers[read] -= 1
                    if not readers[read] and read.op == "call_function":
                        values[read] = None
    return {node: value for node, value in values.items() if value is not None}


def _is_foldable(node: Node) -> bool:
    """Tell whether a node, given constant inputs, is a constant worth writing out."""
    target = node.target
    if node.op != "call_function" or any(user.op == "output" for user in node.users):
        return False
    if isinstance(target, OpOverload):
        if torch.Tag.nondeterministic_seeded in target.tags:
            return False
    elif target is not operator.getitem:
        return False
    results = tree_leaves(node.meta.get("val"))
    if not results or not all(isinstance(result, torch.Tensor) for result in results):
        return False
    if target is torch.ops.aten.expand.default:
        return results[0].numel() <= MAX_GROWTH * node.all_input_nodes[0].meta["val"].numel()
    # An arange that indexes is folded; ones of the size of an activation are left to TVM.
    return bool(node.all_input_nodes) or results[0].numel() <= MAX_CREATED


def _on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Redirect operators that name a device: weights are folded on the CPU."""
    return kwargs | {"device": torch.device("cpu")} if kwargs.get("device") else kwargs


def _insert_placeholder(graph: Graph, node: Node) -> Node:
    """Put an input of the program in the place of a node, before all other inputs."""
    with graph.inserting_before(next(iter(graph.nodes))):
        placeholder = graph.placeholder(f"folded_{node.name}")
    placeholder.meta = {key: node.meta[key] for key in ("val", "tensor_meta") if key in node.meta}
    node.replace_all_uses_with(placeholder)
    graph.erase_node(node)
    return placeholder


def _erase_assertions(graph: Graph) -> None:
    """Take out the run-time checks that export adds: they compute nothing."""
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and "_assert" in str(node.target):
            graph.erase_node(node)
