"""Access tokens: JWTs of the configured OpenID Connect issuer."""

from collections.abc import Callable, Mapping
from typing import Any

import jwt

from csms_runtime.http.issuer import ALGORITHMS, IssuerKeys, UnknownKey
from csms_runtime.http.keys import Principal, Scope
from csms_runtime.settings import RuntimeSettings

LEEWAY_S = 30.0
"""How far the issuer's clock and ours may be apart."""
_MAX_LENGTH = 16_384
_MAX_NAME = 255
_REQUIRED = ("exp", "iss", "aud", "sub")
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidAudienceError, "it is for another audience"),
    (jwt.InvalidIssuerError, "it is another issuer's"),
    (jwt.MissingRequiredClaimError, "a claim is missing: exp, iss, aud and sub are needed"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


class TokenRefused(Exception):  # noqa: N818 says what is the case
    """The token is not valid. The text says why, and nothing of the token."""


class Tokens:
    """Tells whose a token is. Close it in the end."""

    def __init__(self, keys: IssuerKeys, *, issuer: str, audience: str, scopes_of: "ScopeReader") -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._scopes_of = scopes_of

    @classmethod
    def from_settings(cls, settings: RuntimeSettings) -> "Tokens | None":
        """Take CSMS_OIDC_*; None when no issuer is configured."""
        if settings.oidc_issuer is None or settings.oidc_audience is None:
            return None
        return cls(
            IssuerKeys(settings.oidc_issuer, ca_file=settings.oidc_ca_file),
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            scopes_of=scope_reader(settings.oidc_scopes_claim, settings.oidc_scope_prefix),
        )

    async def verify(self, token: str) -> Principal:
        """Return whose token it is, with the scopes it grants, which may be none.

        Raises TokenRefused, and IssuerUnavailable when the issuer's keys are needed and cannot be had.
        """
        try:
            claims = await self._claims(token)
        except UnknownKey:
            raise TokenRefused("its key is not the issuer's") from None
        # Beside PyJWT's own: header and claims hold whatever JSON can.
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefused(_reason(error)) from None
        name = claims["sub"]
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            raise TokenRefused("its sub is no name")
        return Principal.with_scopes(name, self._scopes_of(claims), "jwt")

    async def close(self) -> None:
        """End a request to the issuer that is under way."""
        await self._keys.close()

    async def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _MAX_LENGTH:
            raise ValueError("too long")
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise TokenRefused("only RS256, ES256 and PS256 signatures are taken")
        key = await self._keys.find(header.get("kid"), algorithm)
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
        return claims


ScopeReader = Callable[[Mapping[str, Any]], frozenset[Scope]]


def scope_reader(claim: str, prefix: str = "") -> ScopeReader:
    """Return what reads the scopes out of a token's claims.

    The claim is a list, or words separated by spaces; a path with dots leads into objects ("realm_access.roles").
    Words without the prefix, and words that are no scope behind it, say nothing.
    """

    def read(claims: Mapping[str, Any]) -> frozenset[Scope]:
        words = {word.removeprefix(prefix) for word in _words(_at(claims, claim)) if word.startswith(prefix)}
        return frozenset(scope for scope in Scope if scope.value in words)

    return read


def _at(claims: Mapping[str, Any], claim: str) -> object:
    if claim in claims:
        return claims[claim]
    found: object = claims
    for name in claim.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def _reason(error: Exception) -> str:
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "it cannot be read")
