"""The transactional outbox: what is to be published is written with the data it tells of, published after the commit.

Delivery is at least once, in the order of ids. Order for a key holds as far as transactions about it follow each other,
which row locks or the consumer's partition see to.
"""

from csms_db.outbox.relay import OutboxRelay
from csms_db.outbox.table import add, outbox_columns, outbox_table

__all__ = ["OutboxRelay", "add", "outbox_columns", "outbox_table"]
