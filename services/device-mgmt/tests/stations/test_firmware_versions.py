"""Versions in the order that people mean."""

import pytest
from csms_device_mgmt.stations.firmware_versions import sort_key

IN_ORDER = (
    None,
    "",
    "FW 7",
    "R1.4",
    "R1.10",
    "0",
    "0.9",
    "1.0-rc1",
    "1.0-rc2",
    "1.0-rc10",
    "1.0",
    "1.0b",
    "1.0.0.1",
    "1.0.1",
    "1.9.2",
    "1.10.0",
    "1.10.0-17",
    "2",
    "10.0.1-snapshot",
    "10.0.1",
    "20261127",
    "9" * 50,
)


def test_the_order() -> None:
    assert sorted([*IN_ORDER[11:], *IN_ORDER[:11]], key=sort_key) == list(IN_ORDER)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.0", "1.0.0"), ("v1.2", "1.2"), ("1.2", "1-2"), ("1.02", "1.2"), ("R1.0B", "r1b"), ("0.0", "0")],
)
def test_the_same(one: str, other: str) -> None:
    assert sort_key(one) == sort_key(other)


def test_the_key_is_bounded() -> None:
    assert len(sort_key("1a" * 25)) <= 200
