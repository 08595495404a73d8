"""API keys: known by their digest, each with a name and scopes."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from csms_runtime.settings import RuntimeSettings


class Scope(StrEnum):
    """What a caller may do; each includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def implied(self) -> frozenset["Scope"]:
        """Return this scope and those it includes."""
        order = list(Scope)
        return frozenset(order[: order.index(self) + 1])


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls."""

    name: str
    scopes: frozenset[Scope]
    """Included ones are listed too."""

    @classmethod
    def with_scopes(cls, name: str, scopes: Iterable[str]) -> "Principal":
        """Make a principal of scope names. Raises ValueError for an unknown one."""
        return cls(name, frozenset().union(*(Scope(scope).implied() for scope in scopes)))

    def may(self, scope: Scope) -> bool:
        """Whether the principal has the scope."""
        return scope in self.scopes


class ApiKeys:
    """The keys a process accepts. Holds digests only; a look-up by digest tells nothing about a key by its timing."""

    def __init__(self, principals: Mapping[bytes, Principal]) -> None:
        self._principals = dict(principals)

    @classmethod
    def from_settings(cls, settings: RuntimeSettings, *, admin_key: str | None = None) -> "ApiKeys":
        """Take CSMS_API_KEYS and CSMS_ADMIN_API_KEY; `admin_key` is a further one (standalone makes its own)."""
        principals = {
            bytes.fromhex(key.sha256): Principal.with_scopes(key.name, key.scopes) for key in settings.api_keys
        }
        configured = settings.admin_api_key.get_secret_value() if settings.admin_api_key else None
        for key in (configured, admin_key):
            if key:
                principals[_digest(key)] = Principal.with_scopes("admin", [Scope.ADMIN])
        return cls(principals)

    @classmethod
    def for_tests(cls, **keys: str) -> "ApiKeys":
        """Make keys for tests: `ApiKeys.for_tests(admin="a-key")` accepts `a-key` with scope admin."""
        return cls({_digest(key): Principal.with_scopes(scope, [scope]) for scope, key in keys.items()})

    def find(self, key: str) -> Principal | None:
        """Return whose key it is; None when nobody's."""
        return self._principals.get(_digest(key))


def generate_api_key() -> str:
    """Return a new random API key: 256 bits, with a prefix that secret scanners can look for."""
    return f"csms_{secrets.token_urlsafe(32)}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
