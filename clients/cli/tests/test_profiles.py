import json

import pytest
from csms_cli.errors import CommandError
from csms_cli.options import moment, payload
from csms_cli.profiles import Profile, Profiles, Target, target


@pytest.fixture
def profiles(tmp_path) -> Profiles:
    return Profiles(tmp_path / "csms" / "profiles.json")


def test_the_file_is_for_its_owner_alone(profiles):
    profiles.put("home", Profile("https://csms.example", "secret"))
    assert profiles.path.stat().st_mode & 0o777 == 0o600
    profiles.path.chmod(0o640)
    with pytest.raises(CommandError, match="chmod 600"):
        profiles.all()


def test_profiles_are_added_used_and_removed(profiles):
    with pytest.raises(CommandError, match="no profile"):
        profiles.use("home")
    profiles.put("home", Profile("https://a", "A"))
    profiles.put("work", Profile("https://b", "B"))
    assert (profiles.current, list(profiles.all())) == ("home", ["home", "work"])
    profiles.use("work")
    assert target(profiles, {}, profile=None, url=None) == Target("https://b", "B")
    assert target(profiles, {}, profile="home", url=None) == Target("https://a", "A")
    profiles.remove("work")
    assert (profiles.current, list(profiles.all())) == (None, ["home"])
    with pytest.raises(CommandError, match="there are: home"):
        target(profiles, {"CSMS_PROFILE": "work"}, profile=None, url=None)


def test_a_key_goes_to_no_other_server_than_its_own(profiles, tmp_path):
    profiles.put("home", Profile("https://a", "A"))
    with pytest.raises(CommandError, match="no key"):
        target(profiles, {}, profile=None, url="https://other")
    with pytest.raises(CommandError, match="no key"):
        target(profiles, {"CSMS_URL": "https://other"}, profile=None, url=None)
    environment = {"CSMS_URL": "https://other", "CSMS_API_KEY": "E"}
    assert target(profiles, environment, profile=None, url=None) == Target("https://other", "E")
    assert target(profiles, environment, profile="home", url=None) == Target("https://a", "A")
    (tmp_path / "key").write_text("F\n")
    assert target(profiles, {"CSMS_API_KEY_FILE": str(tmp_path / "key")}, profile=None, url=None).api_key == "F"


@pytest.mark.parametrize("text", ["[1]", "{", "null"])
def test_a_file_that_is_none_of_ours_is_named(profiles, text):
    profiles.path.parent.mkdir()
    profiles.path.write_text(text)
    profiles.path.chmod(0o600)
    with pytest.raises(CommandError, match=r"of profiles|cannot be read"):
        profiles.all()


def test_times_and_payloads_are_read(tmp_path):
    assert moment(None) is None
    assert moment("2026-01-31") == "2026-01-31T00:00:00+00:00"
    assert moment("2026-01-31T14:05:00+01:00") == "2026-01-31T14:05:00+01:00"
    assert moment("12h") is not None
    with pytest.raises(CommandError, match="no time"):
        moment("yesterday")
    (tmp_path / "p.json").write_text(json.dumps({"type": "OnIdle"}))
    assert payload(f"@{tmp_path / 'p.json'}") == {"type": "OnIdle"}
    for wrong in ("{", f"@{tmp_path / 'none'}"):
        with pytest.raises(CommandError):
            payload(wrong)
