"""Bodies of the ID token resources."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Self

from csms_runtime.http.fields import Amount, Currency, Price
from csms_runtime.money import Money
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from csms_auth.domain.placement import Limits
from csms_auth.domain.tokens import TokenStatus
from csms_auth.http.fields import (
    EvseId,
    GroupId,
    Labels,
    Language,
    Message,
    Moment,
    Priority,
    SiteRef,
    TransactionLimit,
)
from csms_auth.store.id_tokens import StoredToken


class Credit(BaseModel):
    """A prepaid balance."""

    model_config = ConfigDict(extra="forbid")

    amount: Amount = Field(description="What is left; not positive: stations are told NoCredit")
    currency: Currency


class Balance(BaseModel):
    """What is left of a prepaid balance: several costs may have taken more of it than one amount can be."""

    amount: Annotated[
        Decimal, PlainSerializer(float, return_type=float, when_used="json"), WithJsonSchema({"type": "number"})
    ] = Field(description="Not positive: stations are told NoCredit")
    currency: str

    @classmethod
    def of(cls, credit: Money | None) -> Self | None:
        """Return what is shown of it."""
        return None if credit is None else cls(amount=credit.amount, currency=credit.currency)


class TopUp(BaseModel):
    """What is added to a prepaid balance."""

    model_config = ConfigDict(extra="forbid")

    add: Price = Field(gt=0)
    currency: Currency = Field(description="That of the balance; of a token that has none, the one that it gets")


class TokenBody(BaseModel):
    """What may be said of a token. An omitted field keeps its value; null clears it."""

    model_config = ConfigDict(extra="forbid")

    status: TokenStatus = Field(
        default_factory=lambda: TokenStatus.INVALID,  # never used: see TokenBody.given
        description="The stored decision. Required when the token is created: nothing is Accepted silently.",
    )
    group_id: GroupId | None = Field(None, description="Told to stations as groupIdToken of type Central")
    expires_at: Moment | None = Field(None, description="From then on an Accepted token is Expired")
    language1: Language | None = Field(None, description="RFC 5646 tag of the driver's language")
    personal_message: Message | None = Field(None, description="Shown to the driver")
    evse_ids: list[EvseId] | None = Field(
        None, max_length=1000, description="EVSEs the token may be used at; null: all, empty: none (NotAtThisLocation)"
    )
    site_ids: list[SiteRef] | None = Field(
        None,
        max_length=1000,
        description="Sites at whose stations the token may be used; null: any, empty: none (NotAtThisLocation)",
    )
    labels: Labels | None = Field(
        None, description="Labels that a station must have, all of them, for the token to be used there; null: none"
    )
    concurrent_tx_limit: TransactionLimit | None = Field(None, description="Most transactions at a time; null: any")
    charging_priority: Priority | None = Field(None, description="OCPP's chargingPriority, -9 to 9")
    tariff: dict[str, Any] | None = Field(
        None,
        description="The driver's own tariff, OCPP 2.1's TariffType: what AuthorizeResponse tells stations of that "
        "version while the token is Accepted. Another tariff has another tariffId",
    )
    credit: Credit | None = Field(
        None,
        description="A prepaid balance, from which the costs of its transactions are taken (C17); stations of OCPP 2.1 "
        "get it as the limit of cost. Without a concurrent_tx_limit it pays for one transaction at a time. null: the "
        "token is no prepaid one. Not for a KeyCode",
    )

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were given."""
        found = {name: getattr(self, name) for name in self.model_fields_set - _LIMITS}
        if self.credit is not None:
            found["credit"] = Money(self.credit.amount, self.credit.currency)
        return found

    def limits(self, known: Limits) -> Limits:
        """Return the limits of a token that had these."""
        return replace(known, **{name: getattr(self, name) for name in self.model_fields_set & _LIMITS})


_LIMITS = {"site_ids", "labels"}


class TokenItem(BaseModel):
    """A token as it is stored."""

    id: str = Field(description='"type/id_token"; of a KeyCode a keyed digest of the code stands for it')
    type: str
    id_token: str = Field(description="Of a KeyCode never shown: ****")
    status: TokenStatus
    group_id: str | None
    expires_at: Moment | None
    language1: str | None
    personal_message: str | None
    evse_ids: list[int] | None
    site_ids: list[str] | None
    labels: dict[str, str] | None
    concurrent_tx_limit: int | None
    charging_priority: int | None
    tariff: dict[str, Any] | None
    credit: Balance | None = Field(description="The prepaid balance; null: it is no prepaid token")
    created_at: Moment
    updated_at: Moment

    @classmethod
    def of(cls, stored: StoredToken) -> Self:
        """Return the item of a stored token."""
        token = stored.token
        return cls(
            id=f"{token.ref.type}/{token.ref.id_token}",
            type=token.ref.type,
            id_token=token.ref.shown,
            status=token.status,
            group_id=token.group_id,
            expires_at=token.expires_at,
            language1=token.language1,
            personal_message=token.personal_message,
            evse_ids=None if token.evse_ids is None else list(token.evse_ids),
            site_ids=None if token.limits.site_ids is None else list(token.limits.site_ids),
            labels=None if token.limits.labels is None else dict(token.limits.labels),
            concurrent_tx_limit=token.concurrent_tx_limit,
            charging_priority=token.charging_priority,
            tariff=None if token.tariff is None else dict(token.tariff),
            credit=Balance.of(token.credit),
            created_at=stored.created_at,
            updated_at=stored.updated_at,
        )
