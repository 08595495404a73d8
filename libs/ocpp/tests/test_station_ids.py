import pytest
from csms_ocpp import station_ids
from csms_ocpp.station_ids import checked, fault_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text",
    ["CS1", "cs1", "a", "x" * 48, "A*b-c_d=e+f|g@h.i", "a b", "ä", "...", "a..", "-", "%41", "\N{GRINNING FACE}"],
)
def test_good(text: str) -> None:
    assert fault_of(text) == ""
    assert checked(text) == text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        (" ", "blank"),
        (" a", "blank"),
        ("a ", "blank"),
        ("x" * 49, "longer than 48"),
        ("a:b", "colon"),
        ("a/b", "slash"),
        (".", "step"),
        ("..", "step"),
        ("a\n", "printed"),
        ("a\0", "printed"),
        ("\x1b[2J", "printed"),
        ("a\x9b31m", "printed"),
        ("\u202ea", "printed"),
        ("a\u200b", "printed"),
        ("a\u00a0", "printed"),
        ("a\u2028", "printed"),
        ("\ud800", "printed"),
        ("\ufffd", "UTF-8"),
    ],
)
def test_bad(text: str, fault: str) -> None:
    assert fault in fault_of(text)
    with pytest.raises(ValueError, match=fault):
        checked(text)


@given(st.text(max_size=60))
def test_what_is_good_is_one_word_for_people_and_paths(text: str) -> None:
    if not fault_of(text):
        assert text.encode().decode() == text == text.strip()
        assert text.isprintable()
        assert not {":", "/", "\0"} & set(text)


@pytest.mark.parametrize(
    ("identity", "key"),
    [("CS-1|a", "cs-1|a"), ("cs-1", "cs-1"), ("RDÄM", "rdÄm"), ("\u212a", "\u212a"), ("\u0130", "\u0130")],
)
def test_identities_are_compared_without_the_case_of_ascii_letters(identity: str, key: str) -> None:
    assert station_ids.key(identity) == key
