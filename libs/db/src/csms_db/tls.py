"""TLS to PostgreSQL: libpq's parameters of the URL, with libpq's meaning, for asyncpg.

    sslmode      disable, allow, prefer (the default), require, verify-ca, verify-full
    sslrootcert  PEM file of the CAs, or `system`; then the default mode is verify-full
    sslcert      PEM file of the client's certificate and its chain
    sslkey       PEM file of its key, not encrypted

Up to `prefer` whether there is TLS depends on the server; `require` demands it, and verifies the server's certificate
when there is a file of CAs; `verify-ca` always verifies it; `verify-full` also the server's name.
"""

import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from csms_runtime.tls_files import following

PARAMETERS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey"})
_OPPORTUNISTIC = ("disable", "allow", "prefer")
_MANDATORY = ("require", "verify-ca", "verify-full")
_SYSTEM = "system"

Query = Mapping[str, str | Sequence[str]]


def argument(query: Query) -> str | ssl.SSLContext | None:
    """Return asyncpg's `ssl` for a URL's parameters; None: the driver's default, which is `prefer`.

    A context uses the files as they are at each connection. Raises ValueError, with the parameter's name, for what
    cannot be used now.
    """
    given = {name: _single(name, value) for name, value in query.items() if name in PARAMETERS}
    if not given:
        return None
    mode = given.get("sslmode", "verify-full" if "sslrootcert" in given else "prefer")
    if mode not in _OPPORTUNISTIC + _MANDATORY:
        raise ValueError(f"sslmode is one of {', '.join(_OPPORTUNISTIC + _MANDATORY)}")
    if mode in _MANDATORY:
        return following(partial(_context, mode, given), _files(given), "database")
    useless = sorted(given.keys() - {"sslmode"})
    if useless:
        # libpq would go on without TLS when they do not fit, which nobody wants who gives them.
        raise ValueError(f"{useless[0]} needs sslmode=verify-full (or require, verify-ca); it is {mode}")
    return mode


def _files(given: Mapping[str, str]) -> list[Path]:
    root = given.get("sslrootcert") or _default_root()
    named = (root if root != _SYSTEM else None, given.get("sslcert"), given.get("sslkey"))
    return [Path(path) for path in named if path]


def _single(name: str, value: str | Sequence[str]) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is given twice")  # noqa: TRY004 it is the URL that is wrong
    return value


def _context(mode: str, given: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    _trust(context, mode, given.get("sslrootcert"))
    if "sslcert" in given:
        try:  # an encrypted key would make OpenSSL ask at the terminal
            context.load_cert_chain(given["sslcert"], given.get("sslkey"), password="")
        except OSError as error:
            raise _unusable("sslcert and sslkey", given["sslcert"], error) from error
    elif "sslkey" in given:
        raise ValueError("sslkey is given without sslcert")
    return context


def _trust(context: ssl.SSLContext, mode: str, root: str | None) -> None:
    root = root or _default_root()
    if root is None:
        if mode != "require":
            raise ValueError(f"sslmode={mode} needs sslrootcert: a file, or system")
        context.verify_mode = ssl.CERT_NONE
    elif root == _SYSTEM:
        if mode != "verify-full":
            raise ValueError("sslrootcert=system needs sslmode=verify-full: anybody has a certificate of some CA")
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cafile=root)
        except OSError as error:  # which an SSLError is
            raise _unusable("sslrootcert", root, error) from error


def _default_root() -> str | None:
    """Where libpq looks."""
    path = Path("~/.postgresql/root.crt").expanduser()
    return str(path) if path.is_file() else None


def _unusable(names: str, path: str, error: OSError) -> ValueError:
    return ValueError(f"{names}: {path} cannot be used ({error.strerror or type(error).__name__})")
