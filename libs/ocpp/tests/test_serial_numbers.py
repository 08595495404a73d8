"""Which certificates' common names are a station's (A00.FR.405)."""

import pytest
from csms_ocpp.serial_numbers import has_word, names


@pytest.mark.parametrize("common_name", ["SN-1", "SN-1.stations.example.com", "DE CSO SN-1", "station:SN-1", "(SN-1)"])
def test_the_name_is_the_serial_number_or_has_it_as_a_word(common_name: str) -> None:
    assert names(common_name, "SN-1")


@pytest.mark.parametrize(
    "common_name", ["SN-10", "SN-1-2", "XSN-1", "A-SN-1", "SN-1_b", "éSN-1", "xsn-1", "SN 1", "SNX1", ""]
)
def test_a_part_of_a_word_is_somebody_else(common_name: str) -> None:
    assert not names(common_name, "SN-1")


def test_a_later_occurrence_counts() -> None:
    assert names("SN-10 SN-1", "SN-1")


def test_characters_with_a_meaning_in_patterns_are_just_characters() -> None:
    assert names("a.b+c", "a.b+c")
    assert not names("aXb+c", "a.b+c")


@pytest.mark.parametrize("serial_number", ["", " "])
def test_no_serial_number_is_nobodys(serial_number: str) -> None:
    assert not names("SN 1", serial_number)


def test_upper_and_lower_case_are_the_same_in_serial_numbers_and_not_in_words() -> None:
    assert names("sn-1", "SN-1")
    assert names("station Sn-1", "sN-1")
    assert not has_word("csms", "CSMS")
