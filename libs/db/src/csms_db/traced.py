"""The span of a database transaction, where traces are on and the work in hand is recorded.

It is our own, not one of OpenTelemetry's for SQLAlchemy: statements of hot paths do not pass through SQLAlchemy
(`csms_db.direct`), and one span for each statement of a batch would cost more than the batch.
"""

from typing import TYPE_CHECKING

from csms_runtime import tracing
from csms_runtime.tracing import attributes

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def begin(database: str, dialect: str, kind: str) -> "Span | None":
    """Begin the span of a transaction of this kind: `transaction` or `reading`. None: it is not recorded."""
    if tracing.active is None:
        return None
    about = {attributes.DB_SYSTEM: dialect, attributes.DB_NAMESPACE: database}
    return tracing.active.database(f"{database} {kind}", about)


def connected(span: "Span | None") -> None:
    """Note that it has its connection, and has begun. Before it waited for one."""
    if span is not None:
        span.add_event("connected")


def end(span: "Span | None", outcome: str) -> None:
    """End it. Outcomes: `committed`, `read`, `rolled_back`."""
    if span is not None:
        span.set_attribute(attributes.OUTCOME, outcome)
        span.end()
