"""The settings of auth, which come from the environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, IPvAnyNetwork, StringConstraints

from csms_auth.handlers.turn import Rules
from csms_auth.pki.settings import PkiSettings

_HTTP = r"^https?://[^/]+"


class AuthSettings(PkiSettings):
    """Settings of the auth service."""

    token_cache_expiry_s: int | None = Field(
        None,
        ge=0,
        description="cacheExpiryDateTime in answers about ID tokens, in seconds from the answer; "
        "absent: stations keep answers for their AuthCacheLifeTime",
    )

    ocsp_allowed_networks: list[IPvAnyNetwork] = Field(
        [],
        description="Networks that OCSP responders may be in although they are not on the Internet, a JSON list. "
        "Stations name the responder (GetCertificateStatus): nothing else in private networks is asked for them",
    )

    contract_pool_url: Annotated[str, StringConstraints(pattern=_HTTP)] | None = Field(
        None,
        description="Where vehicles' contract certificates come from (Get15118EVCertificate): each question is passed "
        "on by POST, docs/certificates.md says in which form; absent: no vehicle gets one",
    )

    unknown_stations_most: int = Field(
        100_000,
        ge=1,
        description="Unknown stations are let in (CSMS_UNKNOWN_STATIONS) while fewer stations than this are known: "
        "whoever makes names up cannot fill the databases",
    )
    audit_retention_days: int = Field(
        365, ge=1, le=36_500, description="How long entries of the audit log are kept, in days"
    )
    removed_stations_retention_days: int = Field(
        30,
        ge=8,
        le=36_500,
        description="How long auth remembers stations that were removed, in days: longer than topics keep what tells "
        "of them. Then all that is theirs goes, but certificates that have not ended",
    )
    certificate_retention_days: int = Field(
        365,
        ge=1,
        le=36_500,
        description="How long certificates of stations are kept after they ended, in days; those whose keys others "
        "have are kept for ever",
    )

    @property
    def rules(self) -> Rules:
        """The settings that decisions depend on."""
        cache_for = self.token_cache_expiry_s
        return Rules(
            self.unknown_stations,
            None if cache_for is None else timedelta(seconds=cache_for),
            organization=self.organization,
            has_contract_pool=self.contract_pool_url is not None,
            most_stations=self.unknown_stations_most,
        )
