from datetime import UTC, datetime, timedelta, timezone

import pytest
from csms_runtime.clock import from_ms, now_ms, to_ms, utcnow
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(min_value=-10_000_000_000_000, max_value=10_000_000_000_000))
def test_milliseconds_survive(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_now() -> None:
    assert abs(to_ms(utcnow()) - now_ms()) < 10_000
    assert utcnow().utcoffset() == timedelta(0)


def test_other_zones() -> None:
    assert to_ms(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert to_ms(datetime(1970, 1, 1, 0, 0, 0, 1999, tzinfo=UTC)) == 1


def test_no_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_ms(datetime(2026, 1, 1))  # noqa: DTZ001 what is tested


@pytest.mark.parametrize("milliseconds", [10**18, -(10**18)])
def test_out_of_range(milliseconds: int) -> None:
    with pytest.raises(OverflowError):
        from_ms(milliseconds)
