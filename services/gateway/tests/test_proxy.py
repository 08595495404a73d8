from dataclasses import replace
from ipaddress import ip_network
from urllib.parse import quote

import pytest
from csms_gateway.proxy import ProxyRules, Visitor, behind
from csms_testing.pki import Authority, Issued
from websockets.datastructures import Headers

RULES = ProxyRules([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
PROXY = Visitor("10.1.2.3")
STATION = "203.0.113.7"


@pytest.fixture(scope="module")
def issued() -> Issued:
    return Authority("Test").issue("SN-1")


def headers(**values: str | list[str]) -> Headers:
    made = Headers()
    for name, value in values.items():
        for each in [value] if isinstance(value, str) else value:
            made[name.replace("_", "-")] = each
    return made


def secured(issued: Issued, **changes: str | list[str]) -> Headers:
    sent: dict[str, str | list[str]] = {
        "X_Forwarded_For": STATION,
        "X_Forwarded_Proto": "https",
        "X_SSL_Client_Cert": quote(issued.pem),
        "X_SSL_Client_Verify": "SUCCESS",
    }
    return headers(**{**sent, **changes})


def test_a_trusted_proxy_says_who_is_behind_it(issued: Issued) -> None:
    assert behind(PROXY, secured(issued), RULES) == Visitor(STATION, tls=True, certificate=issued.der)


@pytest.mark.parametrize("address", ["203.0.113.9", "11.0.0.1", "", "::1"])
def test_nobody_else_is_believed(issued: Issued, address: str) -> None:
    visitor = Visitor(address)
    assert behind(visitor, secured(issued), RULES) == visitor
    assert behind(visitor, secured(issued), ProxyRules()) == visitor


@pytest.mark.parametrize("shown", ["", "secret", "the-proxy-s-secret2", ["the-proxy-s-secret"] * 2])
def test_with_a_secret_the_address_alone_is_not_enough(issued: Issued, shown: str | list[str]) -> None:
    rules = replace(RULES, secrets=[b"the-proxy-s-secret"])
    assert behind(PROXY, secured(issued), rules) == PROXY
    assert behind(PROXY, secured(issued, X_CSMS_Proxy_Secret=shown), rules) == PROXY


def test_with_its_secret_a_proxy_is_believed_and_nobody_else(issued: Issued) -> None:
    rules = replace(RULES, secrets=[b"the-proxy-s-secret"])
    sent = secured(issued, X_CSMS_Proxy_Secret="the-proxy-s-secret")
    assert behind(PROXY, sent, rules) == Visitor(STATION, tls=True, certificate=issued.der)
    assert behind(Visitor("203.0.113.9"), sent, rules) == Visitor("203.0.113.9")
    assert "the-proxy-s-secret" not in repr(rules)


def test_without_trusted_networks_not_even_loopback_is(issued: Issued) -> None:
    assert behind(Visitor("127.0.0.1"), secured(issued), ProxyRules()) == Visitor("127.0.0.1")


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"])
def test_a_network_holds_addresses_of_each_spelling(address: str) -> None:
    assert behind(Visitor(address), headers(X_Forwarded_For=STATION), RULES).address == STATION


@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        (["1.2.3.4", "203.0.113.7"], "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("10.9.9.9", "10.1.2.3"),
        ("unknown", "10.1.2.3"),
        ("203.0.113.7, unknown", "10.1.2.3"),
        ("", "10.1.2.3"),
        ([], "10.1.2.3"),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_stations(forwarded_for: str | list[str], address: str) -> None:
    assert behind(PROXY, headers(X_Forwarded_For=forwarded_for), RULES).address == address


@pytest.mark.parametrize(
    ("proto", "tls"),
    [("https", True), ("wss", True), ("HTTPS", True), ("http", False), ("ws", False), ("https, http", False)],
)
def test_the_nearest_proxy_says_whether_there_was_tls(issued: Issued, proto: str, *, tls: bool) -> None:
    visitor = behind(PROXY, secured(issued, X_Forwarded_Proto=proto), RULES)
    assert (visitor.tls, bool(visitor.certificate)) == (tls, tls)


def test_tls_between_proxy_and_gateway_is_not_the_stations(issued: Issued) -> None:
    proxy = Visitor("10.1.2.3", tls=True, certificate=b"the proxy's own")
    assert behind(proxy, headers(X_Forwarded_Proto="http"), RULES) == Visitor("10.1.2.3")
    assert behind(proxy, headers(X_Forwarded_Proto="https"), RULES) == Visitor("10.1.2.3", tls=True)
    assert behind(proxy, secured(issued), RULES).certificate == issued.der


def test_a_proxy_that_only_passes_bytes_on_leaves_tls_as_it_is() -> None:
    visitor = Visitor("10.1.2.3", tls=True, certificate=b"the station's")
    assert behind(visitor, headers(), RULES) == visitor


@pytest.mark.parametrize(
    "change",
    [
        {"X_SSL_Client_Verify": "NONE"},
        {"X_SSL_Client_Verify": "FAILED:certificate has expired"},
        {"X_SSL_Client_Verify": ""},
        {"X_SSL_Client_Verify": []},
        {"X_SSL_Client_Verify": ["SUCCESS", "SUCCESS"]},
        {"X_SSL_Client_Verify": ["SUCCESS", "NONE"]},
        {"X_SSL_Client_Cert": "no certificate"},
        {"X_SSL_Client_Cert": ""},
        {"X_SSL_Client_Cert": []},
        {"X_SSL_Client_Cert": ["one", "another"]},
    ],
)
def test_a_certificate_that_was_not_verified_does_not_count(issued: Issued, change: dict[str, str | list[str]]) -> None:
    assert behind(PROXY, secured(issued, **change), RULES) == Visitor(STATION, tls=True)


def test_the_names_of_the_headers_can_be_set(issued: Issued) -> None:
    rules = ProxyRules(RULES.trusted, "ssl-client-cert", "ssl-client-verify")
    sent = headers(X_Forwarded_Proto="https", ssl_client_cert=quote(issued.pem), ssl_client_verify="SUCCESS")
    assert behind(PROXY, sent, rules).certificate == issued.der
    assert behind(PROXY, secured(issued), rules).certificate == b""


SECRET = "a secret that proxies show"
WITH_SECRET = replace(RULES, secrets=[b"the secret of before", SECRET.encode()])


def test_a_proxy_that_shows_the_secret_is_believed(issued: Issued) -> None:
    shown = secured(issued, X_CSMS_Proxy_Secret=SECRET)
    assert behind(PROXY, shown, WITH_SECRET) == Visitor(STATION, tls=True, certificate=issued.der)
    before = secured(issued, X_CSMS_Proxy_Secret="the secret of before")
    assert behind(PROXY, before, WITH_SECRET).address == STATION
    assert SECRET not in repr(WITH_SECRET)


@pytest.mark.parametrize("shown", [[], "", "another secret", SECRET[:-1], f"{SECRET}x", [SECRET, SECRET], "g\xe9heim"])
def test_an_address_alone_proves_nothing(issued: Issued, shown: str | list[str]) -> None:
    assert behind(PROXY, secured(issued, X_CSMS_Proxy_Secret=shown), WITH_SECRET) == PROXY


def test_the_secret_alone_proves_nothing_either(issued: Issued) -> None:
    stranger = Visitor("203.0.113.9")
    assert behind(stranger, secured(issued, X_CSMS_Proxy_Secret=SECRET), WITH_SECRET) == stranger


def test_the_name_of_the_secrets_header_can_be_set(issued: Issued) -> None:
    rules = replace(WITH_SECRET, secret_header="x-ours")
    assert behind(PROXY, secured(issued, X_Ours=SECRET), rules).tls
    assert behind(PROXY, secured(issued, X_CSMS_Proxy_Secret=SECRET), rules) == PROXY
