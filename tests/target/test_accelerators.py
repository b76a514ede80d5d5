"""Targets that name an accelerator beside their processor."""

import pytest

from tvm_snn.errors import TargetError
from tvm_snn.target import parse_target, split_accelerator


@pytest.mark.parametrize(
    ("target", "processor", "accelerator"),
    [
        ("pynq-z2", "pynq-z2", "pynq-z2"),
        ("pynq-z2 -mattr=-neon", "pynq-z2 -mattr=-neon", "pynq-z2"),
        ("pynq-z2 -accelerator=tiny", "pynq-z2", "tiny"),
        ("host -accelerator=pynq-z2", "host", "pynq-z2"),
        ("llvm -accelerator=tiny -mcpu=haswell", "llvm -mcpu=haswell", "tiny"),
        ("paper-64pe", "host", "paper-64pe"),
        ("tiny", "host", "tiny"),
        ({"kind": "llvm", "accelerator": "tiny"}, {"kind": "llvm"}, "tiny"),
        ('{"kind": "llvm", "accelerator": "tiny"}', {"kind": "llvm"}, "tiny"),
        ("host", "host", None),
        ("llvm -mcpu=cortex-a9", "llvm -mcpu=cortex-a9", None),
        ({"kind": "llvm"}, {"kind": "llvm"}, None),
        ("raspberry-pi-4", "raspberry-pi-4", None),
        ("raspberry-pi/4b-aarch64", "raspberry-pi/4b-aarch64", None),
    ],
)
def test_a_target_is_a_processor_and_perhaps_an_accelerator(target, processor, accelerator):
    found, hardware = split_accelerator(target)

    assert found == processor
    assert (hardware.name if hardware else None) == accelerator
    parse_target(found)


def test_a_parsed_target_has_none():
    target = parse_target("host")

    assert split_accelerator(target) == (target, None)


def test_an_unknown_accelerator_is_named():
    with pytest.raises(TargetError, match=r"No accelerator configuration 'big'.*paper-64pe"):
        split_accelerator("host -accelerator=big")
