import pytest
from csms_device_mgmt.domain.station_ids import is_station_id


@pytest.mark.parametrize("text", ["CS1", "a", "x" * 48, "A*b-c_d=e+f|g@h.i", "a b", "ä", "...", "a.."])
def test_good(text: str) -> None:
    assert is_station_id(text)


@pytest.mark.parametrize("text", ["", " ", "x" * 49, "a:b", "a/b", "a\n", "a\0", ".", ".."])
def test_bad(text: str) -> None:
    assert not is_station_id(text)
