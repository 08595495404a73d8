"""Says whose a transaction is: that of the first accepted authorization by seqNo, in whatever order decisions come."""

from enum import StrEnum

from csms_transactions.domain.events import IdToken
from csms_transactions.domain.transaction import Transaction


class AuthorizationStatus(StrEnum):
    """OCPP 2.0.1's AuthorizationStatusEnumType."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


def accepted(
    transaction: Transaction, seq_no: int, token: IdToken, key: str, group: IdToken | None = None
) -> Transaction:
    """Return the transaction after auth accepted a token in the event with this seqNo. It did not come to stop it.

    `key` is the form of the token in which auth compares tokens. Idempotent.
    """
    by = transaction.authorized_by
    if by is not None and by <= seq_no:
        return transaction
    return transaction._replace(id_token=token.masked(), token_key=key, group=group, authorized_by=seq_no)


def unknown(transaction: Transaction, token: IdToken, key: str) -> Transaction:
    """Return the transaction after auth did not know a token. While there is no better one, it says who charged."""
    if transaction.id_token is not None:
        return transaction
    return transaction._replace(id_token=token.masked(), token_key=key)


def requested(transaction: Transaction, token: IdToken) -> Transaction:
    """Return the transaction after we asked for it with a token (F01, F02). A token accepted later replaces it."""
    if transaction.id_token is not None:
        return transaction
    return transaction._replace(id_token=token.masked(), token_key=token.masked().value.casefold())
