from datetime import UTC, datetime, timedelta, timezone

import jsonschema_rs
import pytest
from csms_ocpp.times import DATETIME_PATTERN, format_datetime, parse_datetime
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.5z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2026-01-02t03:04Z", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789+02:00", datetime(2026, 1, 2, 1, 4, 5, 123_456, tzinfo=UTC)),
        ("2026-01-02T03:04:05-0130", datetime(2026, 1, 2, 4, 34, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+05", datetime(2026, 1, 1, 22, 4, 5, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_reads_what_stations_send(text: str, expected: datetime) -> None:
    parsed = parse_datetime(text)
    assert parsed == expected
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-02", "20260102T030405Z", "2026-13-02T03:04:05Z", "2026-01-02T25:04:05Z", "1767322800",
        "2026-W01-1T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "2026-01-02T03:04:05Zjunk",
        "٢٠٢٦-01-02T03:04:05Z",
    ],
)  # fmt: skip
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_datetime(text)
    assert not is_datetime(text)
    assert not matches(text)


def test_writes_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 1, 1, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=1)))
    assert format_datetime(moment) == "2026-01-01T00:00:00.999Z"
    assert format_datetime(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_will_not_guess_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_datetime(datetime(2026, 1, 1))  # noqa: DTZ001 - the case


@given(st.datetimes(timezones=st.just(UTC)))
def test_reads_what_it_writes(moment: datetime) -> None:
    assert parse_datetime(format_datetime(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(st.text(max_size=40))
def test_never_raises_anything_else(text: str) -> None:
    assert is_datetime(text) in (True, False)


def is_datetime(text: str) -> bool:
    try:
        parse_datetime(text)
    except ValueError:
        return False
    return True


def matches(text: str) -> bool:
    schema = {"type": "string", "pattern": DATETIME_PATTERN}
    return jsonschema_rs.Draft6Validator(schema, pattern_options=jsonschema_rs.RegexOptions()).is_valid(text)


def digits(least: int, most: int, width: int = 2) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(lambda number: f"{number:0{width}}")


NEARLY_DATETIMES = st.builds(
    "".join,
    st.tuples(
        st.one_of(digits(2, 9998, 4), st.sampled_from(["0400", "1900", "2000", "2024", "2023", "0000", "02026"])),
        st.just("-"), digits(0, 13), st.just("-"), digits(0, 32),
        st.sampled_from("Tt  _"), digits(0, 25), st.just(":"), digits(0, 61),
        st.one_of(st.just(""), digits(0, 62).map(":{}".format)),
        st.sampled_from(["", "", ".1", ",123456789", ".x"]),
        st.sampled_from(["", "Z", "z", " Z", " ", "  ", "+01:00", "-2359", "+24:00", " +01", "+1", "Z\n"]),
    ),
)  # fmt: skip


@settings(max_examples=2000)
@given(NEARLY_DATETIMES)
def test_the_pattern_takes_what_is_read(text: str) -> None:
    assert matches(text) is is_datetime(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:60.9Z", "2024-02-29 12:00", "0001-01-01T00:00"]
)
def test_the_pattern_takes_the_ends_of_time(text: str) -> None:
    assert matches(text)
    assert is_datetime(text)
