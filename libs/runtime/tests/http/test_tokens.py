"""JWTs of a real, small issuer over HTTP."""

import asyncio
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from csms_runtime.http import ApiKeys, Scope, Tokens
from csms_runtime.http.issuer import KEEP_S, MAX_AGE_S, REFRESH_PAUSE_S, IssuerKeys, IssuerUnavailable
from csms_runtime.http.tokens import TokenRefused, scope_reader
from csms_runtime.settings import RuntimeSettings
from csms_testing.oidc import AUDIENCE, Issuer, issuing, jwk, rsa_key
from csms_testing.pki import Pki
from fastapi import FastAPI
from pydantic import ValidationError

OTHER_KEY = rsa_key()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
async def tokens(issuer: Issuer, clock: Clock) -> AsyncIterator[Tokens]:
    keys = IssuerKeys(issuer.url, clock=clock)
    tokens = Tokens(keys, issuer=issuer.url, audience=AUDIENCE, scopes_of=scope_reader("scope"))
    yield tokens
    await tokens.close()


@pytest.mark.parametrize(("key_id", "algorithm"), [("rsa", "RS256"), ("rsa", "PS256"), ("ec", "ES256")])
async def test_good_tokens(issuer: Issuer, tokens: Tokens, key_id: str, algorithm: str) -> None:
    principal = await tokens.verify(issuer.token("operate", key_id=key_id, algorithm=algorithm))
    assert (principal.name, principal.authentication) == ("somebody", "jwt")
    assert principal.scopes == {Scope.READ, Scope.OPERATE}


async def test_audience_among_others(issuer: Issuer, tokens: Tokens) -> None:
    assert (await tokens.verify(issuer.token(aud=["other", AUDIENCE]))).name == "somebody"


async def test_clocks_may_be_a_little_apart(issuer: Issuer, tokens: Tokens) -> None:
    now = int(time.time())
    assert await tokens.verify(issuer.token(exp=now - 10))
    assert await tokens.verify(issuer.token(nbf=now + 10, iat=now + 10))


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 1}, "it has expired"),
        ({"exp": int(time.time()) - 120}, "it has expired"),
        ({"nbf": int(time.time()) + 3600}, "it is not valid yet"),
        ({"aud": "other"}, "it is for another audience"),
        ({"aud": []}, "a claim is missing"),
        ({"iss": "https://evil.example"}, "it is another issuer's"),
        ({"exp": None}, "a claim is missing"),
        ({"aud": None}, "a claim is missing"),
        ({"iss": None}, "a claim is missing"),
        ({"sub": None}, "a claim is missing"),
        ({"sub": ""}, "its sub is no name"),
        ({"sub": "a\0b"}, "its sub is no name"),
        ({"sub": "x" * 256}, "its sub is no name"),
        ({"exp": "soon"}, "it cannot be read"),
        ({"nbf": [1]}, "it cannot be read"),
    ],
)
async def test_claims_that_do_not_fit(issuer: Issuer, tokens: Tokens, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenRefused, match=why):
        await tokens.verify(issuer.token(**claims))


def unsigned(issuer: Issuer, **header: object) -> str:
    parts = [orjson.dumps(header), orjson.dumps({"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": 2**33})]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


class TestSignatures:
    async def test_of_another_key(self, issuer: Issuer, tokens: Tokens) -> None:
        with pytest.raises(TokenRefused, match="its signature is wrong"):
            await tokens.verify(issuer.token(signed_by=OTHER_KEY))

    async def test_changed_claims(self, issuer: Issuer, tokens: Tokens) -> None:
        head, _, signature = issuer.token("read").split(".")
        _, better, _ = issuer.token("admin").split(".")
        with pytest.raises(TokenRefused, match="its signature is wrong"):
            await tokens.verify(f"{head}.{better}.{signature}")

    async def test_none_at_all(self, issuer: Issuer, tokens: Tokens) -> None:
        for algorithm in ("none", "None", "", None, 7, ["RS256"]):
            with pytest.raises(TokenRefused):
                await tokens.verify(unsigned(issuer, alg=algorithm, kid="rsa"))

    async def test_public_key_as_shared_secret(self, issuer: Issuer, tokens: Tokens) -> None:
        modulus = jwk("rsa", issuer.keys["rsa"])["n"].encode()
        with pytest.raises(TokenRefused, match="only RS256, ES256 and PS256"):
            await tokens.verify(issuer.token(algorithm="HS256", signed_by=modulus))

    @pytest.mark.parametrize("algorithm", ["RS512", "PS384"])
    async def test_other_algorithms(self, issuer: Issuer, tokens: Tokens, algorithm: str) -> None:
        with pytest.raises(TokenRefused, match="only RS256, ES256 and PS256"):
            await tokens.verify(issuer.token(algorithm=algorithm))

    async def test_key_in_the_token_itself(self, issuer: Issuer, tokens: Tokens) -> None:
        mine = OTHER_KEY
        now = int(time.time())
        claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": now + 60, "scope": "admin"}
        token = jwt.encode(
            claims, mine, "RS256", {"kid": "mine", "jwk": jwk("mine", mine), "jku": "http://evil.example"}
        )
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(token)

    async def test_key_of_another_kind(self, issuer: Issuer, tokens: Tokens) -> None:
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(issuer.token(key_id="ec", signed_by=issuer.keys["rsa"]))

    @pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}, {"n": "AQAB"}, {"n": 1}])
    async def test_key_not_meant_for_it(self, issuer: Issuer, tokens: Tokens, change: dict[str, Any]) -> None:
        key = OTHER_KEY
        issuer.extra = [jwk("odd", key) | change]
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(issuer.token(key_id="odd", signed_by=key))

    async def test_curve_of_another_size(self, issuer: Issuer, tokens: Tokens) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        issuer.extra = [jwk("big", key)]
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(issuer.token(key_id="big", signed_by=issuer.keys["ec"], algorithm="ES256"))

    async def test_without_a_key_id_only_when_there_is_one_key(self, issuer: Issuer, tokens: Tokens) -> None:
        del issuer.keys["ec"]
        assert await tokens.verify(issuer.token(key_id=None))

    async def test_without_a_key_id_among_several(self, issuer: Issuer, tokens: Tokens) -> None:
        issuer.extra = [jwk("second", OTHER_KEY)]
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(issuer.token(key_id=None))

    async def test_key_named_twice(self, issuer: Issuer, tokens: Tokens) -> None:
        issuer.extra = [jwk("rsa", OTHER_KEY)]
        with pytest.raises(TokenRefused, match="its key is not the issuer's"):
            await tokens.verify(issuer.token())


@pytest.mark.parametrize("token", ["a.b.c", "..", "é.é.é", "x" * 20_000, "e30.e30.", "bnVsbA.e30.e30"])
async def test_no_tokens_at_all(tokens: Tokens, token: str) -> None:
    with pytest.raises(TokenRefused):
        await tokens.verify(token)


async def test_header_nested_beyond_reason(issuer: Issuer, tokens: Tokens) -> None:
    deep = urlsafe_b64encode(b"[" * 9000).decode()
    with pytest.raises(TokenRefused):
        await tokens.verify(f"{deep}.e30.e30")
    assert issuer.fetches == 0


class TestKeys:
    async def test_asked_for_once(self, issuer: Issuer, tokens: Tokens) -> None:
        await asyncio.gather(*(tokens.verify(issuer.token()) for _ in range(5)))
        assert issuer.fetches == 1

    async def test_a_new_key_is_found(self, issuer: Issuer, tokens: Tokens, clock: Clock) -> None:
        await tokens.verify(issuer.token())
        issuer.keys["next"] = OTHER_KEY
        clock.now += REFRESH_PAUSE_S
        assert await tokens.verify(issuer.token(key_id="next"))

    async def test_unknown_keys_do_not_flood_the_issuer(self, issuer: Issuer, tokens: Tokens, clock: Clock) -> None:
        for _ in range(10):
            with pytest.raises(TokenRefused):
                await tokens.verify(issuer.token(key_id="unknown", signed_by=issuer.keys["rsa"]))
        assert issuer.fetches == 1
        clock.now += REFRESH_PAUSE_S
        with pytest.raises(TokenRefused):
            await tokens.verify(issuer.token(key_id="unknown", signed_by=issuer.keys["rsa"]))
        assert issuer.fetches == 2

    async def test_a_withdrawn_key_stops_counting(self, issuer: Issuer, tokens: Tokens, clock: Clock) -> None:
        token = issuer.token()
        await tokens.verify(token)
        del issuer.keys["rsa"]
        clock.now += MAX_AGE_S + 1
        await tokens.verify(token)  # asks for the keys beside it
        assert tokens._keys._fetching is not None
        await tokens._keys._fetching
        with pytest.raises(TokenRefused):
            await tokens.verify(token)

    async def test_issuer_away_at_first(self, issuer: Issuer, tokens: Tokens, clock: Clock) -> None:
        issuer.away = True
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(issuer.token())
        issuer.away = False
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(issuer.token())  # it was asked a moment ago
        clock.now += REFRESH_PAUSE_S
        assert await tokens.verify(issuer.token())

    async def test_issuer_away_later(self, issuer: Issuer, tokens: Tokens, clock: Clock) -> None:
        await tokens.verify(issuer.token())
        issuer.away = True
        clock.now += KEEP_S - 1
        assert await tokens.verify(issuer.token())
        clock.now += 2
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(issuer.token())

    @pytest.mark.parametrize(
        "discovery",
        [
            {"issuer": "https://evil.example"},
            {"jwks_uri": "http://evil.example/keys"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": 7},
            {"padding": "x" * 2_000_000},
        ],
    )
    async def test_discovery_that_cannot_be_trusted(
        self, issuer: Issuer, tokens: Tokens, discovery: dict[str, Any]
    ) -> None:
        issuer.discovery = discovery
        with pytest.raises(IssuerUnavailable):
            await tokens.verify(issuer.token())
        assert issuer.fetches == 0


class TestScopes:
    @pytest.mark.parametrize(
        ("claim", "prefix", "claims", "expected"),
        [
            ("scope", "", {"scope": "openid read admin"}, {Scope.READ, Scope.ADMIN}),
            ("scp", "", {"scp": ["operate", 7, None]}, {Scope.OPERATE}),
            ("scope", "csms:", {"scope": "csms:read admin other:operate"}, {Scope.READ}),
            ("realm_access.roles", "", {"realm_access": {"roles": ["admin"]}}, {Scope.ADMIN}),
            ("https://x.example/roles", "", {"https://x.example/roles": ["read"]}, {Scope.READ}),
            ("scope", "", {"scope": {"read": True}}, set()),
            ("scope", "", {"scope": "READ administrator"}, set()),
            ("a.b", "", {"a": "read"}, set()),
            ("scope", "", {}, set()),
        ],
    )
    def test_read_from_a_claim(self, claim: str, prefix: str, claims: dict[str, Any], expected: set[Scope]) -> None:
        assert scope_reader(claim, prefix)(claims) == expected


class TestApi:
    @pytest.fixture
    async def call(self, tokens: Tokens, api: Callable[..., FastAPI]) -> AsyncIterator[Callable[[str], Any]]:
        app = api(keys=ApiKeys.for_tests(admin="a.dotted.key"), tokens=tokens)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://csms") as client:
            yield lambda bearer: client.get("/api/v1/things", headers={"Authorization": f"Bearer {bearer}"})

    async def test_scopes_decide(self, issuer: Issuer, call: Callable[[str], Any]) -> None:
        assert (await call(issuer.token("read"))).status_code == 200
        assert (await call(issuer.token("openid"))).status_code == 403
        assert (await call("a.dotted.key")).status_code == 200

    async def test_bad_token_is_401_and_not_repeated(self, issuer: Issuer, call: Callable[[str], Any]) -> None:
        token = issuer.token(exp=1)
        response = await call(token)
        assert response.status_code == 401
        assert response.json()["detail"] == "The token is not valid: it has expired"
        assert token.split(".")[1] not in response.text

    async def test_issuer_away_is_503(self, issuer: Issuer, call: Callable[[str], Any]) -> None:
        issuer.away = True
        response = await call(issuer.token())
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        assert (await call("a.dotted.key")).status_code == 200


async def test_issuer_with_a_private_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pki = Pki(tmp_path)
    files = pki.server("ecdsa", ["localhost"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    async with issuing(server) as issuer:
        monkeypatch.setenv("CSMS_OIDC_ISSUER", issuer.url)
        monkeypatch.setenv("CSMS_OIDC_AUDIENCE", AUDIENCE)
        strangers = Tokens.from_settings(RuntimeSettings())
        assert strangers is not None
        with pytest.raises(IssuerUnavailable):
            await strangers.verify(issuer.token())
        monkeypatch.setenv("CSMS_OIDC_CA_FILE", str(pki.root_file))
        tokens = Tokens.from_settings(RuntimeSettings())
        assert tokens is not None
        assert (await tokens.verify(issuer.token())).name == "somebody"
        monkeypatch.setenv("CSMS_OIDC_CA_FILE", str(tmp_path / "missing.pem"))
        without = Tokens.from_settings(RuntimeSettings())
        assert without is not None
        with pytest.raises(IssuerUnavailable):
            await without.verify(issuer.token())


class TestSettings:
    def test_none_without_an_issuer(self) -> None:
        assert Tokens.from_settings(RuntimeSettings()) is None

    async def test_made_from_settings(self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
        environment = {"ISSUER": issuer.url, "AUDIENCE": "else", "SCOPES_CLAIM": "roles", "SCOPE_PREFIX": "csms."}
        for name, value in environment.items():
            monkeypatch.setenv(f"CSMS_OIDC_{name}", value)
        tokens = Tokens.from_settings(RuntimeSettings())
        assert tokens is not None
        principal = await tokens.verify(issuer.token(aud="else", roles=["csms.operate"]))
        assert principal.may(Scope.OPERATE)
        await tokens.close()

    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"ISSUER": "https://issuer.example"}, "CSMS_OIDC_AUDIENCE"),
            ({"ISSUER": "http://issuer.example", "AUDIENCE": "csms"}, "https"),
            ({"ISSUER": "issuer.example", "AUDIENCE": "csms"}, "https"),
        ],
    )
    def test_settings_that_would_not_protect(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(f"CSMS_OIDC_{name}", value)
        with pytest.raises(ValidationError, match=said):
            RuntimeSettings()
