"""Names of the layers of an ONNX model, as the model it was exported from had them."""

import ast

import onnx

from .layer_names import LayerName

_KINDS = {"Conv": "conv", "ConvTranspose": "conv", "Gemm": "dense", "MatMul": "dense"}


def layers_of(graph: onnx.GraphProto) -> list[LayerName]:
    """Return kind and name of each conv and dense node, in order."""
    weights = {tensor.name for tensor in graph.initializer}
    return [
        LayerName(_KINDS[node.op_type], _layer_name(node, weights))
        for node in graph.node
        if node.op_type in _KINDS
    ]


def _layer_name(node: onnx.NodeProto, weights: set[str]) -> str:
    """Return the best name there is: from the weight, the module's path, or the node itself.

    The weight comes first: where an exporter has fused BatchNorm into a conv, the node carries
    the BatchNorm's path.
    """
    weight = node.input[1]
    if weight in weights and weight.endswith(".weight"):
        return weight.removesuffix(".weight")
    return _scope_name(node) or _path_name(node) or node.name


def _scope_name(node: onnx.NodeProto) -> str:
    """Read the module paths that PyTorch's dynamo exporter leaves: the last one is the call."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            scopes = ast.literal_eval(entry.value)
            return scopes[-2] if len(scopes) > 1 else ""
    return ""


def _path_name(node: onnx.NodeProto) -> str:
    """Read a node name of PyTorch's older exporter: /layer1/layer1.0/conv/Conv_2 is layer1.0.conv.

    Each part is a module; one that continues the part before it repeats that part.
    """
    *parts, operator = node.name.strip("/").split("/")
    if not parts or not operator.startswith(node.op_type):
        return ""
    path: list[str] = []
    for part in parts:
        if path and part.startswith(path[-1] + "."):
            path.pop()
        path.append(part)
    return ".".join(path)
