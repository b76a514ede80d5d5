"""Tilings cover the layer and fit the memories."""

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.target.vta.codegen.networks import configurations, networks
from tvm_snn.errors import TargetError
from tvm_snn.target.vta.codegen.geometry import Geometry
from tvm_snn.target.vta.codegen.tiling import Tiling, best_tiling


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_tiling_covers_every_tile_and_output_once(data):
    hardware = data.draw(configurations())
    geometry = Geometry(data.draw(networks())[0], hardware)
    seen: dict[Tiling, int] = {}

    def cost(tiling: Tiling) -> int:
        return seen.setdefault(tiling, data.draw(st.integers(0, 9)) if len(seen) < 20 else 10)

    try:
        tiling = best_tiling(geometry, hardware.activation_lines, False, 1, cost)
    except TargetError:
        reject()

    covered = [tile for first, count in tiling.bands for tile in range(first, first + count)]
    assert covered == list(range(geometry.tiles))
    assert (tiling.passes - 1) * tiling.outputs < geometry.outputs
    assert tiling.passes * tiling.outputs >= geometry.outputs
    assert tiling.chunk * tiling.outputs <= hardware.plane_lines or not geometry.layer.plane
    slots = min(2, len(tiling.bands))
    assert slots * tiling.pitch * geometry.image_blocks <= hardware.activation_lines
    for first, count in tiling.bands:
        rows = geometry.loaded_rows(first, count)
        deep = (rows.stop - 1) // 4 - rows.start // 4 + 1
        assert deep * geometry.layer.width <= tiling.pitch
