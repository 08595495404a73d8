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
    call_grace_s: float = Field(
        3.0, gt=0, le=60, description="How much longer a request waits for the outcome of a CALL, in seconds"
    )
