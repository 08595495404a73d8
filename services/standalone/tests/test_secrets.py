"""The first start makes secrets, later starts find them."""

import hashlib
import stat

from csms_standalone.secrets import secrets_of


def test_the_first_start_makes_them_and_shows_the_admin_key_once(tmp_path):
    first = secrets_of(tmp_path / "data", admin_key=True)
    second = secrets_of(tmp_path / "data", admin_key=True)
    assert first.new_admin_key is not None
    assert hashlib.sha256(first.new_admin_key.encode()).hexdigest() == first.admin_key_sha256
    assert second.new_admin_key is None
    assert (second.secret_key, second.admin_key_sha256) == (first.secret_key, first.admin_key_sha256)


def test_files_are_for_their_owner_only_and_the_key_itself_is_not_stored(tmp_path):
    first = secrets_of(tmp_path, admin_key=True)
    assert {path.name for path in tmp_path.iterdir()} == {"secret-key", "admin-key.sha256"}
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert str(first.new_admin_key) not in path.read_text()


def test_no_admin_key_is_made_when_the_environment_names_one(tmp_path):
    assert secrets_of(tmp_path, admin_key=False).admin_key_sha256 == ""
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
