import base64

import pytest
from csms_gateway.handshake import Credentials, Refusal, Result, common_protocols, identity, opening, parse_basic

SUPPORTED = ["ocpp2.0.1"]


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/CS1", "CS1"),
        ("/ocpp/CS1", "CS1"),
        ("/ocpp///CS1", "CS1"),
        ("///CS1", "CS1"),
        ("/any/depth/2.0.1/CS1", "CS1"),
        ("/ocpp/CS1?token=x", "CS1"),
        ("/ocpp/CS%201", "CS 1"),
        ("/ocpp/RD%C3%84M%7C7", "RDÄM|7"),
        ("/ocpp/A+B", "A+B"),
        ("/ocpp/" + "x" * 48, "x" * 48),
        ("/ocpp/" + "%C3%84" * 48, "Ä" * 48),
    ],
)
def test_identity_is_the_last_segment_percent_decoded(path: str, expected: str) -> None:
    assert identity(path) == expected


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/ocpp/", 404),
        ("/?CS1", 404),
        ("", 404),
        ("/ocpp/" + "x" * 49, 400),
        ("/ocpp/a:b", 400),
        ("/ocpp/a%3Ab", 400),
        ("/ocpp/a%2Fb", 400),
        ("/ocpp/a%0Ab", 400),
        ("/ocpp/%20", 400),
        ("/ocpp/%FF", 400),
        ("/ocpp/100%", 400),
        ("/ocpp/%zz", 400),
        ("/ocpp/.", 400),
        ("/ocpp/..", 400),
        ("/ocpp/%2e%2E", 400),
        ("/ocpp/..?x=CS1", 400),
        ("/ocpp/a%00", 400),
        ("/ocpp/%C2%85", 400),
        ("/ocpp/%E2%80%AE", 400),
        ("/ocpp/%ED%A0%80", 400),
        ("/ocpp/%EF%BF%BD", 400),
        ("/ocpp/CS1%20", 400),
        ("/ocpp/%20CS1", 400),
        ("/ocpp/CS1%C2%A0", 400),
        ("/ocpp/%1B%5B2J", 400),
        ("/ocpp/%C2%9B31m", 400),
    ],
)
def test_a_path_without_a_valid_identity_is_refused(path: str, status: int) -> None:
    with pytest.raises(Refusal) as refusal:
        identity(path)
    assert refusal.value.status == status
    assert refusal.value.result is Result.BAD_IDENTITY
    assert refusal.value.text


@pytest.mark.parametrize(
    ("offered", "supported", "chosen"),
    [
        (["ocpp2.0.1"], ["ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp1.6, ocpp2.0.1"], ["ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], ["ocpp2.0.1"], "ocpp2.0.1"),
        (["ocpp1.6,ocpp2.0.1"], ["ocpp2.0.1", "ocpp1.6"], "ocpp2.0.1"),
        (["ocpp2.0.1", "ocpp1.6"], ["ocpp1.6", "ocpp2.0.1"], "ocpp1.6"),
        (["ocpp2.1 ,ocpp2.0.1"], ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], "ocpp2.1"),
        (["ocpp1.6"], ["ocpp2.0.1"], None),
        (["OCPP2.0.1"], ["ocpp2.0.1"], None),
        ([], ["ocpp2.0.1"], None),
        ([""], ["ocpp2.0.1"], None),
    ],
)
def test_the_first_of_our_protocols_that_the_station_offers_is_chosen(
    offered: list[str], supported: list[str], chosen: str | None
) -> None:
    assert next(iter(common_protocols(offered, supported)), None) == chosen


def test_all_that_the_station_offers_and_we_speak_are_there_to_choose_from() -> None:
    wanted = opening("/ocpp/CS1", ["ocpp1.6, ocpp9", "ocpp2.1"], [], ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"])
    assert (wanted.protocol, wanted.protocols) == ("ocpp2.1", ["ocpp2.1", "ocpp1.6"])


@pytest.mark.parametrize("offered", [[], ["ocpp1.5"], ["soap, http"]])
def test_no_common_protocol_is_a_bad_request(offered: list[str]) -> None:
    with pytest.raises(Refusal) as refusal:
        opening("/ocpp/CS1", offered, [], SUPPORTED)
    assert refusal.value.status == 400
    assert "ocpp2.0.1" in refusal.value.text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic(b"CS1:secret"), Credentials(b"CS1", b"secret")),
        (basic(b"CS1:a:b:c"), Credentials(b"CS1", b"a:b:c")),
        (basic(b"CS1:"), Credentials(b"CS1", b"")),
        (basic(b"CS1:\xff\x00\x10"), Credentials(b"CS1", b"\xff\x00\x10")),
        ("basic " + base64.b64encode(b"CS1:x").decode(), Credentials(b"CS1", b"x")),
        ("BASIC   " + base64.b64encode(b"CS1:x").decode(), Credentials(b"CS1", b"x")),
        (basic(b"no colon"), None),
        ("Basic", None),
        ("Basic %%%", None),
        ("Basic QQ=", None),
        ("Basic \xe4\xf6", None),
        ("Bearer abc", None),
        ("", None),
    ],
)
def test_basic_authentication_is_parsed_as_bytes(header: str, expected: Credentials | None) -> None:
    assert parse_basic(header) == expected


def test_credentials_are_optional_in_the_request() -> None:
    assert opening("/ocpp/CS1", SUPPORTED, [], SUPPORTED).password is None


@pytest.mark.parametrize(("path", "name"), [("CS1", "cs1"), ("cs1", "CS1"), ("RD%C3%84m", "rdÄM")])
def test_the_user_name_is_the_identity_in_any_case(path: str, name: str) -> None:
    found = opening(f"/ocpp/{path}", SUPPORTED, [basic(f"{name}:secret".encode())], SUPPORTED)
    assert found.password == b"secret"
    with pytest.raises(Refusal):
        opening("/ocpp/%C3%A4", SUPPORTED, [basic("Ä:secret".encode())], SUPPORTED)


def test_the_password_is_what_follows_the_first_colon() -> None:
    assert opening("/ocpp/CS1", SUPPORTED, [basic(b"CS1:pass:word")], SUPPORTED).password == b"pass:word"


@pytest.mark.parametrize(
    "authorization",
    [
        [basic(b"CS2:secret")],
        [basic("CS1\u0301:secret".encode())],
        [basic(b":secret")],
        ["Basic !!!"],
        ["Bearer token"],
        [basic(b"CS1:secret"), basic(b"CS1:secret")],
    ],
)
def test_wrong_user_name_or_malformed_credentials_are_unauthorized(authorization: list[str]) -> None:
    with pytest.raises(Refusal) as refusal:
        opening("/ocpp/CS1", SUPPORTED, authorization, SUPPORTED)
    assert refusal.value.status == 401
    assert refusal.value.result is Result.BAD_CREDENTIALS


def test_a_user_name_outside_ascii_matches_its_percent_encoded_identity() -> None:
    assert opening("/Z%C3%BCrich", SUPPORTED, [basic("Zürich:x".encode())], SUPPORTED).password == b"x"


def test_the_password_is_in_no_representation() -> None:
    request = opening("/ocpp/CS1", SUPPORTED, [basic(b"CS1:topsecret")], SUPPORTED)
    assert "topsecret" not in repr(request)
    assert "topsecret" not in repr(Credentials(b"CS1", b"topsecret"))


def test_an_empty_user_is_taken_from_stations_of_1_6_alone() -> None:
    header = [basic(b":\xff\x00 no UTF-8")]
    allowed = opening("/ocpp/CS1", ["ocpp1.6"], header, ["ocpp2.0.1", "ocpp1.6"])
    assert (allowed.station_id, allowed.password) == ("CS1", b"\xff\x00 no UTF-8")
    assert opening("/ocpp/CS1", ["ocpp2.0.1", "ocpp1.6"], [basic(b":x")], ["ocpp2.0.1", "ocpp1.6"]).password == b"x"
    for protocol, header in (("ocpp2.0.1", [basic(b":secret")]), ("ocpp1.6", [basic(b"CS2:secret")])):
        with pytest.raises(Refusal) as refused:
            opening("/ocpp/CS1", [protocol], header, ["ocpp2.0.1", "ocpp1.6"])
        assert refused.value.status == 401
