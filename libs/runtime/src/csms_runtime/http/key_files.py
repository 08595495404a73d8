"""API keys in files (CSMS_API_KEYS_FILE, CSMS_ADMIN_API_KEY_FILE) that are replaced while the process runs."""

import asyncio

import structlog

from csms_runtime.http.keys import ApiKeys, Principal, configured
from csms_runtime.secret_files import files_of
from csms_runtime.settings import ApiKeyAccess
from csms_runtime.starting import CannotStart, read
from csms_runtime.tls_files import version_of

PERIOD_S = 10.0

_log = structlog.get_logger(__name__)


class KeyFiles:
    """Follows the files that the environment names: keys that are new there count, those that are gone do not."""

    def __init__(self, keys: ApiKeys) -> None:
        """Read the files. Raises CannotStart for files that cannot be used; `keys` were read from them already."""
        self._keys = keys
        self._files = files_of(ApiKeyAccess)
        self._versions = list(map(version_of, self._files))
        self._known = configured(read(ApiKeyAccess)) if self._files else {}

    async def follow(self, period_s: float = PERIOD_S) -> None:
        """Look at the files every `period_s` seconds until cancelled. Returns at once when there are none."""
        while self._files:
            await asyncio.sleep(period_s)
            found = await asyncio.to_thread(self._changed)
            if found is not None:
                self._keys.exchange(self._known, found)
                self._known = found
                _log.info("API keys read again", keys=len(found))

    def _changed(self) -> dict[bytes, Principal] | None:
        """Return the keys that are there now; None: nothing changed, or it cannot be used, and the former ones stay."""
        versions = list(map(version_of, self._files))
        if versions == self._versions:
            return None
        self._versions = versions
        try:
            return configured(read(ApiKeyAccess))
        except CannotStart as error:
            _log.error("API keys cannot be read; the former ones stay", error=str(error))
            return None
