"""How a handler tells the consumer runner what to do with records it cannot handle now: redeliver, or give up.

    Exception
    ├── Later   the whole batch is redelivered after a backoff, without limit
    └── Never   the record becomes a dead letter at once
"""


class Later(Exception):  # noqa: N818 an order, not an error
    """Something the handler needs is away for the moment (database, bus): redeliver. The records are not to blame."""


class Never(Exception):  # noqa: N818 an order, not an error
    """The record can never be handled. The text is the dead letter's reason: no secrets, no payloads."""
