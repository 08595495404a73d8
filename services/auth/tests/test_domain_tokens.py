from datetime import UTC, datetime, timedelta

import pytest
from csms_auth.domain.certificates import CertificateStatus, unverifiable
from csms_auth.domain.placement import ANYWHERE, Limits, Placement
from csms_auth.domain.tokens import Answer, Question, Token, TokenRef, TokenStatus, choose, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CARD = TokenRef("ISO14443", "04AABBCC")


def stored(status: TokenStatus = TokenStatus.ACCEPTED, **fields: object) -> Token:
    return Token(CARD, status, **fields)  # type: ignore[arg-type]


def ask(token: Token | None, ref: TokenRef = CARD, evse_id: int = 0, cache_for: timedelta | None = None) -> Answer:
    return decide(Question(ref, evse_id), token, now=NOW, cache_for=cache_for)


@pytest.mark.parametrize("status", list(TokenStatus))
def test_stored_status_is_told_as_stored(status: TokenStatus) -> None:
    assert ask(stored(status)) == Answer(status, type=CARD.type)


HERE = Placement("harbour", {"tier": "gold", "owner": "us"})


@pytest.mark.parametrize(
    ("limits", "placement", "status"),
    [
        (ANYWHERE, None, TokenStatus.ACCEPTED),
        (Limits(labels={}), None, TokenStatus.ACCEPTED),
        (Limits(["harbour", "airport"]), HERE, TokenStatus.ACCEPTED),
        (Limits(["airport"]), HERE, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits([]), HERE, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(["harbour"]), Placement(), TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(["harbour"]), None, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(labels={"tier": "gold"}), HERE, TokenStatus.ACCEPTED),
        (Limits(labels={"tier": "gold", "owner": "them"}), HERE, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(labels={"tier": "gold"}), None, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(["harbour"], {"tier": "silver"}), HERE, TokenStatus.NOT_AT_THIS_LOCATION),
        (Limits(["harbour"], {"tier": "gold"}), HERE, TokenStatus.ACCEPTED),
    ],
)
def test_sites_and_labels_say_where(limits: Limits, placement: Placement | None, status: TokenStatus) -> None:
    answer = decide(Question(CARD), stored(limits=limits, evse_ids=[1]), now=NOW, placement=placement)
    assert answer.status == status
    assert answer.evse_ids == ((1,) if status is TokenStatus.ACCEPTED else ())


@pytest.mark.parametrize("status", list(TokenStatus))
def test_group_is_told_whatever_the_status(status: TokenStatus) -> None:
    assert ask(stored(status, group_id="GROUP001")).group_id == "GROUP001"


def test_master_pass_is_only_a_group() -> None:
    assert ask(stored(group_id="MASTERPASS")) == Answer(TokenStatus.ACCEPTED, group_id="MASTERPASS", type=CARD.type)


@pytest.mark.parametrize(
    ("token_type", "status"),
    [
        ("ISO14443", TokenStatus.UNKNOWN),
        ("ISO15693", TokenStatus.UNKNOWN),
        ("eMAID", TokenStatus.UNKNOWN),
        ("Central", TokenStatus.UNKNOWN),
        ("Local", TokenStatus.UNKNOWN),
        ("MacAddress", TokenStatus.UNKNOWN),
        ("", TokenStatus.UNKNOWN),
        ("SomethingOf21", TokenStatus.UNKNOWN),
        ("KeyCode", TokenStatus.INVALID),
        ("NoAuthorization", TokenStatus.ACCEPTED),
    ],
)
def test_token_that_is_not_stored(token_type: str, status: TokenStatus) -> None:
    assert ask(None, TokenRef(token_type, "")) == Answer(status)


@pytest.mark.parametrize(
    ("expires_at", "status"),
    [
        (NOW - timedelta(seconds=1), TokenStatus.EXPIRED),
        (NOW, TokenStatus.EXPIRED),
        (NOW + timedelta(seconds=1), TokenStatus.ACCEPTED),
        (None, TokenStatus.ACCEPTED),
    ],
)
def test_accepted_token_expires(expires_at: datetime | None, status: TokenStatus) -> None:
    assert ask(stored(expires_at=expires_at)).status is status


def test_blocked_token_stays_blocked_after_its_expiry() -> None:
    assert ask(stored(TokenStatus.BLOCKED, expires_at=NOW - timedelta(days=1))).status is TokenStatus.BLOCKED


def test_cards_expiry_is_never_the_caches() -> None:
    assert ask(stored(expires_at=NOW + timedelta(days=1))).cache_expiry is None


def test_cache_expiry_is_told_when_configured() -> None:
    assert ask(stored(), cache_for=timedelta(hours=1)).cache_expiry == NOW + timedelta(hours=1)
    assert ask(None, cache_for=timedelta(hours=1)).cache_expiry == NOW + timedelta(hours=1)
    assert ask(None, TokenRef("NoAuthorization", ""), cache_for=timedelta(hours=1)).cache_expiry is None


def test_token_for_all_evses_has_no_list() -> None:
    assert ask(stored(), evse_id=2).evse_ids == ()


@pytest.mark.parametrize("evse_id", [0, 1, 3])
def test_token_for_some_evses_is_accepted_with_the_list(evse_id: int) -> None:
    assert ask(stored(evse_ids=[1, 3]), evse_id=evse_id) == Answer(
        TokenStatus.ACCEPTED, evse_ids=(1, 3), type=CARD.type
    )


def test_token_for_other_evses_is_not_allowed_at_this_one() -> None:
    assert ask(stored(evse_ids=[1, 3]), evse_id=2) == Answer(TokenStatus.NOT_ALLOWED_TYPE_EVSE, type=CARD.type)


@pytest.mark.parametrize("evse_id", [0, 1])
def test_token_for_no_evse_is_not_at_this_location(evse_id: int) -> None:
    assert ask(stored(evse_ids=[]), evse_id=evse_id) == Answer(TokenStatus.NOT_AT_THIS_LOCATION, type=CARD.type)


def test_everything_for_the_driver_is_told() -> None:
    answer = ask(stored(language1="de", personal_message="Hallo", charging_priority=3))
    told = {"language1": "de", "personal_message": "Hallo"}
    assert answer == Answer(TokenStatus.ACCEPTED, type=CARD.type, charging_priority=3, **told)


def test_case_of_the_id_does_not_matter() -> None:
    assert TokenRef("Local", "aBc").key == TokenRef("Local", "AbC").key


def test_same_id_with_another_type_is_another_token() -> None:
    same_id = [
        Token(TokenRef("ISO15693", "X"), TokenStatus.BLOCKED),
        Token(TokenRef("ISO14443", "X"), TokenStatus.ACCEPTED),
    ]
    chosen = choose(TokenRef("ISO14443", "x"), same_id)
    assert chosen is same_id[1]
    assert choose(TokenRef("Central", "x"), same_id) is None


def test_without_types_a_card_is_likelier() -> None:
    code, card = (
        Token(TokenRef("Central", "X"), TokenStatus.ACCEPTED),
        Token(TokenRef("ISO15693", "X"), TokenStatus.BLOCKED),
    )
    assert choose(TokenRef("", "x"), [code, card]) is card
    assert choose(TokenRef("", "x"), []) is None


def test_id_is_never_in_a_repr() -> None:
    assert "1234" not in repr(Question(TokenRef("KeyCode", "1234")))


def test_key_code_is_masked_where_it_is_shown() -> None:
    assert TokenRef("KeyCode", "1234").shown == "****"
    assert TokenRef("Local", "1234").shown == "1234"


def test_contract_certificate_that_cannot_be_verified_makes_the_token_invalid() -> None:
    answer, certificate = unverifiable(Answer(TokenStatus.ACCEPTED, group_id="G", evse_ids=(1,)))
    assert answer == Answer(TokenStatus.INVALID, group_id="G")
    assert certificate is CertificateStatus.CERT_CHAIN_ERROR
