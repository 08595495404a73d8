"""The secrets that a first start makes and later starts find again in the data directory."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from csms_runtime.http import generate_api_key


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the data directory holds, or what was just made for it."""

    secret_key: str
    admin_key_sha256: str
    """Empty when the environment names the admin key."""
    new_admin_key: str | None = None
    """The key itself, at the first start only: it is stored nowhere."""


def secrets_of(data_dir: Path, *, admin_key: bool) -> Secrets:
    """Read the secrets, making those that are missing. Creates the directory. Files are readable by their owner alone.

    `admin_key`: whether an admin key is wanted too. Raises OSError when the directory cannot be written.
    """
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret_key, _ = _kept(data_dir / "secret-key", lambda: secrets.token_hex(32))
    if not admin_key:
        return Secrets(secret_key, "")
    new_key = generate_api_key()
    sha256, made = _kept(data_dir / "admin-key.sha256", lambda: hashlib.sha256(new_key.encode()).hexdigest())
    return Secrets(secret_key, sha256, new_key if made else None)


def _kept(path: Path, make: Callable[[], str]) -> tuple[str, bool]:
    """Return the file's text, and whether it was made now."""
    try:
        return path.read_text().strip(), False
    except FileNotFoundError:
        text = make()
        partial = path.with_name(path.name + ".partial")
        partial.touch(mode=0o600)
        partial.write_text(text + "\n")
        partial.replace(path)
        return text, True
