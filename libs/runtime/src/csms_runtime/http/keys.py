"""API keys: known by their digest, each with a name, scopes and, when made over the API, an end."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from csms_runtime.clock import now_ms
from csms_runtime.settings import ApiKeyAccess


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
    authentication: str = "api-key"
    """How the name was proved: "api-key" or "jwt"."""

    @classmethod
    def with_scopes(cls, name: str, scopes: Iterable[str], authentication: str = "api-key") -> "Principal":
        """Make a principal of scope names. Raises ValueError for an unknown one."""
        return cls(name, frozenset().union(*(Scope(scope).implied() for scope in scopes)), authentication)

    def may(self, scope: Scope) -> bool:
        """Whether the principal has the scope."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key that was made over the API, as every process must know it."""

    key_id: str
    sha256: bytes
    principal: Principal
    expires_at_ms: int = 0
    """Unix time in milliseconds from which on it is not accepted; 0: never."""
    revoked: bool = False


class ApiKeys:
    """The keys a process accepts: those of its settings, and those made over the API, as they become known.

    Holds digests only; a look-up by digest tells nothing about a key by its timing. `clock_ms` is the wall clock.
    """

    def __init__(self, principals: Mapping[bytes, Principal], *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._principals = dict(principals)
        self._clock_ms = clock_ms
        self._stored: dict[bytes, StoredKey] = {}
        self._revoked: set[str] = set()
        self.complete = True
        """Whether all stored keys are known. While they are not, an unknown key may still be a valid one."""

    @classmethod
    def from_settings(cls, settings: ApiKeyAccess, *, admin_key: str | None = None) -> "ApiKeys":
        """Take CSMS_API_KEYS and CSMS_ADMIN_API_KEY; `admin_key` is a further one (standalone makes its own)."""
        principals = configured(settings)
        if admin_key:
            principals[digest_of(admin_key)] = Principal.with_scopes("admin", [Scope.ADMIN])
        return cls(principals)

    @classmethod
    def for_tests(cls, **keys: str) -> "ApiKeys":
        """Make keys for tests: `ApiKeys.for_tests(admin="a-key")` accepts `a-key` with scope admin."""
        return cls({digest_of(key): Principal.with_scopes(scope, [scope]) for scope, key in keys.items()})

    def exchange(self, former: Collection[bytes], present: Mapping[bytes, Principal]) -> None:
        """Replace configured keys, by digest, by those that are configured now."""
        kept = {digest: principal for digest, principal in self._principals.items() if digest not in former}
        self._principals = {**kept, **present}

    def take(self, key: StoredKey) -> None:
        """Learn of a stored key or of its change. Once revoked it stays so, whatever comes late or again."""
        if key.revoked:
            self._revoked.add(key.key_id)
            self._stored.pop(key.sha256, None)
        elif key.key_id not in self._revoked:
            self._stored[key.sha256] = key

    def find(self, key: str) -> Principal | None:
        """Return whose key it is; None when nobody's, or when it has expired or was revoked."""
        digest = digest_of(key)
        stored = self._stored.get(digest)
        if stored is not None:
            expired = 0 < stored.expires_at_ms <= self._clock_ms()
            return None if expired else stored.principal
        return self._principals.get(digest)


def configured(settings: ApiKeyAccess) -> dict[bytes, Principal]:
    """Return the keys that CSMS_API_KEYS and CSMS_ADMIN_API_KEY say, by digest."""
    found = {bytes.fromhex(key.sha256): Principal.with_scopes(key.name, key.scopes) for key in settings.api_keys}
    if settings.admin_api_key is not None:
        found[digest_of(settings.admin_api_key.get_secret_value())] = Principal.with_scopes("admin", [Scope.ADMIN])
    return found


def generate_api_key() -> str:
    """Return a new random API key: 256 bits, with a prefix that secret scanners can look for."""
    return f"csms_{secrets.token_urlsafe(32)}"


def digest_of(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256. Enough for a random key, which nobody can guess."""
    return hashlib.sha256(key.encode()).digest()
