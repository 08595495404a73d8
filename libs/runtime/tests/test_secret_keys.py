"""The secret key, and others beside it."""

import pytest
from csms_runtime.secret_keys import SecretKeys, key_id
from csms_runtime.settings import NotSetError, RuntimeSettings
from csms_runtime.starting import CannotStart, read

FIRST, SECOND, THIRD = "the first secret key", "the-second-secret-key", "the-third-secret-key"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CSMS_SECRET_KEY", "CSMS_SECRET_KEY_OTHERS"):
        monkeypatch.delenv(name, raising=False)


def test_without_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY", FIRST)
    assert RuntimeSettings().secret_keys() == SecretKeys(FIRST.encode())


def test_others_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY", SECOND)
    monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", f"{FIRST}\r\n\n{THIRD}\n{SECOND}\n{THIRD}\n")
    keys = RuntimeSettings().secret_keys()
    assert keys == SecretKeys(SECOND.encode(), (FIRST.encode(), THIRD.encode()))
    assert keys.every == (SECOND.encode(), FIRST.encode(), THIRD.encode())


def test_others_alone_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", SECOND)
    with pytest.raises(NotSetError, match="CSMS_SECRET_KEY is not set"):
        RuntimeSettings().secret_keys()


def test_each_has_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SECRET_KEY_OTHERS", f"{SECOND}\ntooshort")
    with pytest.raises(CannotStart, match="CSMS_SECRET_KEY_OTHERS: a secret has at least 16") as caught:
        read(RuntimeSettings)
    assert "tooshort" not in str(caught.value)


def test_a_key_is_told_by_its_id_and_never_shown() -> None:
    keys = SecretKeys(FIRST.encode(), (SECOND.encode(),))
    assert FIRST not in repr(keys)
    assert SECOND not in repr(keys)
    assert keys.current_id == key_id(FIRST.encode()) == "73ecc326"
    assert keys.current_id != key_id(SECOND.encode())
