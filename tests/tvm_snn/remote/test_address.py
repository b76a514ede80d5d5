import pytest

import tvm_snn
from tvm_snn.remote.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:9090", Address("localhost", 9090)),
        ("10.0.0.2:1", Address("10.0.0.2", 1)),
        ("[::1]:80", Address("::1", 80)),
        ("board.local", Address("board.local", 7)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text, 7) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", ":1", "a:b", "a:99999", "a b:1", "::1", "a:1:2", "[a:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(tvm_snn.RemoteError, match="is no address: write host:port"):
        parse_address(text, 7)


def test_a_port_may_have_to_be_given() -> None:
    with pytest.raises(tvm_snn.RemoteError, match="is no address"):
        parse_address("localhost")
