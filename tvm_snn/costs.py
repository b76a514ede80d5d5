"""What a layer costs: stored bits and binary operations, counted as the literature does."""

from .relay_passes.detect_layers import DENSE, Layer


def weight_bits(layer: Layer) -> int:
    """Return the bits that a layer's weights are counted with: tau a unit, 1, or 32 a weight.

    The subset itself and the scales are not counted (Wang et al., ICCV 2021, Table 1).
    """
    weights = 1
    for length in layer.weight_shape:
        weights *= length
    if layer.verdict == DENSE:
        return 32 * weights
    if layer.subset is None or layer.tau is None:
        return weights
    return layer.tau * layer.subset.indices.size


def bit_operations(layer: Layer) -> int | None:
    """Return the Bit-OPs of a binary layer, None for a dense one.

    With units of b bits, U of them in a group, K kernels, O outputs in a group and HW output
    pixels (batch included), a group takes
        b * U * min(K, O) * HW + (U * O * HW / 2 if K < O else 0)
    operations at 1-bit activations: the responses, then one addition a unit and output, half an
    operation each (Wang et al., ICCV 2021, section 3.2). A plain binary layer has K >= O.
    Activations of A bits take A times as many.
    """
    if layer.verdict == DENSE or layer.signed is None:
        return None
    groups = layer.geometry.groups if layer.geometry else 1
    outputs = layer.weight_shape[0]
    pixels = 1
    for length in layer.output_shape:
        pixels *= length
    pixels //= outputs
    bits = layer.signed.signs[0].size
    operations = bits * outputs * pixels
    if layer.subset is not None and layer.subset.size < outputs // groups:
        units = layer.subset.indices.shape[1]
        responses = bits * groups * layer.subset.size * pixels
        operations = responses + units * outputs * pixels // 2
    return operations * int(layer.activation.removeprefix("W1A"))
