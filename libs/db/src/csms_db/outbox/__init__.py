"""The transactional outbox: what is to be published is written with the data it tells of, published after the commit.

Delivery is at least once, in the order of ids per key. That order holds as far as transactions about a key follow each
other, which row locks or the consumer's partition see to.
"""

from csms_db.outbox.aside import SetAside
from csms_db.outbox.relay import Failure, OutboxRelay, Publish
from csms_db.outbox.table import OutboxRecord, add, outbox_columns, outbox_table, set_aside_columns

__all__ = [
    "Failure",
    "OutboxRecord",
    "OutboxRelay",
    "Publish",
    "SetAside",
    "add",
    "outbox_columns",
    "outbox_table",
    "set_aside_columns",
]
