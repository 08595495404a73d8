"""What the transactions service can be told by the environment."""

from csms_runtime.settings import RuntimeSettings
from pydantic import Field


class TransactionSettings(RuntimeSettings):
    """Settings of the transactions service."""

    token_decision_timeout_s: float = Field(
        5.0,
        gt=0,
        le=300,
        description="How long auth may take to decide on the idTokens of TransactionEvents, in seconds",
    )
    keep_remote_requests_days: int = Field(
        90, ge=0, le=36500, description="How long remote starts and stops are kept, in days; 0: for ever"
    )
    call_grace_s: float = Field(
        3.0, gt=0, le=60, description="How much longer a request waits for the outcome of a CALL, in seconds"
    )
