"""What can be asked of a station: to start a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csms_transactions.domain.events import IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """What a caller wants started. Objects are those of OCPP 2.x, as our API takes them."""

    station_id: str
    id_token: Mapping[str, Any]
    evse_id: int | None = None
    """None: the station chooses."""
    group_id_token: Mapping[str, Any] | None = None
    charging_profile: Mapping[str, Any] | None = None
    transaction_limit: Mapping[str, float] | None = None
    """OCPP 2.1's TransactionLimitType."""

    @property
    def token(self) -> IdToken:
        """The token as the domain has it; additionalInfo plays no part in which token it is (C01.FR.25)."""
        return IdToken(self.id_token["idToken"], self.id_token["type"])
