"""The records in this package, read with the knobs that strategies have."""

from tvm_snn.schedules.records import SHIPPED, shipped_records


def test_shipped_records_are_legal_and_unique() -> None:
    records = shipped_records()
    assert len({record.key for record in records}) == len(records)
    assert all(record.gain > 1 for record in records)
    assert all(path.suffix == ".json" for path in SHIPPED.iterdir() if path.is_file())
