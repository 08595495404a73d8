"""The consumer groups: which service reads which topics, each record once. Code and ACLs are made from them.

Topics that gateways write and topics that services write have different groups: a gateway that floods or poisons its
topics does not stop the others.
"""

from dataclasses import dataclass

from csms_bus import topics
from csms_bus.topics import Topic


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group, by Kafka's `group.id`."""

    name: str
    service: str
    topics: tuple[Topic, ...]
    """Those whose key is the station have the same number of partitions: one member gets all records of a station."""

    @property
    def topic_names(self) -> list[str]:
        """For `csms_bus.runner.ConsumerRunner`."""
        return [topic.name for topic in self.topics]


AUTH = Group("auth", "auth", (topics.CALLS_AUTH,))
AUTH_QUESTIONS = Group("auth-questions", "auth", (topics.AUTH_QUESTIONS,))
AUTH_ADMISSIONS = Group("auth-admissions", "auth", (topics.AUTH_ADMISSIONS,))
AUTH_RESULTS = Group("auth-results", "auth", (topics.RESULTS, topics.CONNECTIONS))
AUTH_COSTS = Group("auth-costs", "auth", (topics.EVENTS_TRANSACTIONS,))
"""What transactions cost is taken from prepaid balances."""
AUTH_AUDIT = Group("auth-audit", "auth", (topics.AUDIT, topics.GATEWAY_AUDIT))
TRANSACTIONS = Group("transactions", "transactions", (topics.CALLS_TRANSACTIONS,))
TRANSACTIONS_RESULTS = Group("transactions-results", "transactions", (topics.RESULTS,))
"""Not a part of `TRANSACTIONS`: each question to Kafka for stations' messages would name as many partitions of results,
which cost a tenth of the CPU time of an event."""
TRANSACTIONS_STARTS = Group("transactions-starts", "transactions", (topics.TRANSACTIONS_STARTS,))
TRANSACTIONS_BOOTS = Group("transactions-boots", "transactions", (topics.EVENTS_DEVICES,))
"""A boot puts the station's running transactions in doubt."""
DEVICES = Group("device-mgmt", "device-mgmt", (topics.CALLS_DEVICES, topics.RESULTS, topics.CONNECTIONS))
DEVICES_ORDERS = Group("device-mgmt-orders", "device-mgmt", (topics.DEVICES_ORDERS,))
DEVICES_PRESENCE = Group("device-mgmt-presence", "device-mgmt", (topics.PRESENCE,))
"""Not a part of `DEVICES`: its database transactions change many stations at once, and wait for nobody."""
DEVICES_AUTH_EVENTS = Group("device-mgmt-auth-events", "device-mgmt", (topics.EVENTS_AUTH, topics.EVENTS_GATEWAY))
DEVICES_TRANSACTION_EVENTS = Group("device-mgmt-transaction-events", "device-mgmt", (topics.EVENTS_TRANSACTIONS,))
"""A vehicle's schedule is for its transaction."""
DEVICES_COSTS = Group("device-mgmt-costs", "device-mgmt", (topics.EVENTS_TRANSACTIONS,))
"""Of transactions that have ended, those that were paid for directly are settled."""
DEVICES_DEAD_LETTERS = Group("device-mgmt-dead-letters", "device-mgmt", (topics.DEAD_LETTERS,))
HISTORY = Group(
    "history",
    "history",
    (topics.EVENTS_AUTH, topics.EVENTS_TRANSACTIONS, topics.EVENTS_DEVICES, topics.EVENTS_GATEWAY),
)
HISTORY_AUDIT = Group("history-audit", "history", (topics.AUDIT, topics.GATEWAY_AUDIT))
"""What people asked for is shown with what happened to their stations."""
HISTORY_GATEWAYS = Group("history-gateways", "history", (topics.GATEWAY_STATUS,))
"""A connection whose gateway died without a word ended when that was last heard from."""
HISTORY_MESSAGES = Group("history-messages", "history", (topics.STATION_MESSAGES,))
"""Not a part of `HISTORY`: what happened must not wait behind all that was said."""

GROUPS: tuple[Group, ...] = (
    AUTH,
    AUTH_QUESTIONS,
    AUTH_ADMISSIONS,
    AUTH_RESULTS,
    AUTH_COSTS,
    AUTH_AUDIT,
    TRANSACTIONS,
    TRANSACTIONS_RESULTS,
    TRANSACTIONS_STARTS,
    TRANSACTIONS_BOOTS,
    DEVICES,
    DEVICES_ORDERS,
    DEVICES_PRESENCE,
    DEVICES_AUTH_EVENTS,
    DEVICES_TRANSACTION_EVENTS,
    DEVICES_COSTS,
    DEVICES_DEAD_LETTERS,
    HISTORY,
    HISTORY_AUDIT,
    HISTORY_GATEWAYS,
    HISTORY_MESSAGES,
)
