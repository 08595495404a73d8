"""Security profiles go up, never down (A05)."""

import contextlib

import pytest
from csms_device_mgmt.security_profile.profiles import LowerProfileError, Profiles, of_network_profile
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("before", "profile", "after"),
    [
        (Profiles(1, None, None), 1, Profiles(1, 1, None)),
        (Profiles(1, 1, 2), 1, Profiles(1, 1, 2)),
        (Profiles(1, 1, 2), 2, Profiles(2, 2, None)),
        (Profiles(1, 1, 3), 2, Profiles(2, 2, 3)),
        (Profiles(1, 1, 2), 3, Profiles(3, 3, None)),
        (Profiles(1, 1, None), 2, Profiles(2, 2, None)),
        (Profiles(2, 2, None), 1, Profiles(2, 2, None)),
        # any is let in: nothing is demanded until a higher profile was asked for
        (Profiles(None, None, None), 2, Profiles(None, 2, None)),
        (Profiles(None, 1, 2), 1, Profiles(None, 1, 2)),
        (Profiles(None, 1, 2), 2, Profiles(2, 2, None)),
    ],
)
def test_connections(before, profile, after):
    assert before.connected(profile) == after
    assert after.connected(profile) == after


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (Profiles(1, None, None), 2, Profiles(2, None, None)),
        (Profiles(2, None, None), 1, Profiles(1, None, None)),
        (Profiles(2, None, None), None, Profiles(None, None, None)),
        (Profiles(1, 1, 2), 1, Profiles(1, 1, 2)),
        (Profiles(1, 1, 2), 2, Profiles(2, 1, None)),
        (Profiles(1, 1, 3), 2, Profiles(2, 1, 3)),
        (Profiles(1, 1, None), None, Profiles(None, 1, None)),
        (Profiles(None, 2, None), None, Profiles(None, 2, None)),
        (Profiles(None, 2, None), 2, Profiles(2, 2, None)),
    ],
)
def test_operators_changes(before, wanted, after):
    assert before.configured(wanted) == after


@pytest.mark.parametrize(("registered", "reached"), [(2, 2), (3, 2), (3, 3), (None, 2)])
def test_nothing_leads_below_what_it_has_connected_with(registered, reached):
    with pytest.raises(LowerProfileError):
        Profiles(registered, reached, None).configured(1)


@pytest.mark.parametrize("reached", [2, 3])
def test_any_is_lower_than_a_profile_that_was_reached(reached):
    with pytest.raises(LowerProfileError):
        Profiles(reached, reached, None).configured(None)


@pytest.mark.parametrize(
    ("before", "profile", "pending"),
    [
        (Profiles(1, 1, None), 2, 2),
        (Profiles(1, 1, None), 1, None),
        (Profiles(2, 2, None), 1, None),
        (Profiles(1, None, 3), 2, 2),
        (Profiles(1, None, 2), 1, 2),
        (Profiles(None, 1, None), 2, 2),
        (Profiles(None, 2, None), 2, None),
        (Profiles(2, None, None), 2, None),
        (Profiles(1, 1, None), 0, None),
    ],
)
def test_offers(before, profile, pending):
    assert before.offered(profile) == Profiles(before.registered, before.reached, pending)


def test_requests():
    assert of_network_profile({"configurationSlot": 1, "connectionData": {"securityProfile": 3}}) == 3
    assert of_network_profile({}) == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("configured"), st.none() | st.integers(1, 3)),
        st.tuples(st.just("offered"), st.integers(0, 3)),
        st.tuples(st.just("connected"), st.integers(1, 3)),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_happens_what_was_demanded_and_reached_is_demanded_for_good(steps):
    profiles, least = Profiles(None, None, None), 0
    for what, profile in steps:
        before = profiles
        with contextlib.suppress(LowerProfileError):
            profiles = getattr(profiles, what)(profile)
        assert (profiles.reached or 0) >= (before.reached or 0)
        assert profiles.pending is None or profiles.pending > (profiles.registered or 0)
        if (profiles.registered or 0) > 1 and (profiles.reached or 0) >= (profiles.registered or 0):
            least = max(least, profiles.registered)
        assert (profiles.registered or 0) >= least
