"""kube-score finds nothing critical in what the chart makes."""

import pytest
from csms_testing.chart import ALL, PRODUCTION, rendered, scored

EXTRA = {
    "scaling": PRODUCTION
    | {key: {"autoscaling": {"enabled": True}} for key in ("gateway", "auth", "transactions", "deviceMgmt", "history")},
    "router": PRODUCTION | {"http": {"router": {"enabled": True}, "ingress": {"enabled": True, "host": "x"}}},
}
CRITICAL = 1
"""kube-score's grade; 5 is a warning, 7 nearly good, 10 good."""
OF_OTHERS = {"csms-api", "csms-kafka", "csms-postgresql"}
IGNORED = {
    # An image has a digest, or a tag that is not moved. Asked for at each start, no pod starts without the registry.
    "container-image-pull-policy": None,
    # Images of others run as the user that they were made for (`uid` in the values), and that is no root.
    "container-security-context-user-group-id": OF_OTHERS,
}
"""Checks that are not followed, and for which objects; None: for all."""


def criticals(documents):
    """Check and object of all that is critical."""
    for each in scored(documents):
        name = each["object_meta"]["name"]
        for check in each["checks"]:
            if check["grade"] == CRITICAL and not check["skipped"]:
                yield check["check"]["id"], name


@pytest.mark.parametrize("values", [*ALL, *EXTRA])
def test_nothing_is_critical(values):
    found = set(criticals(rendered((ALL | EXTRA)[values])))
    assert not {
        (check, name) for check, name in found if check not in IGNORED or name not in (IGNORED[check] or {name})
    }


def test_what_is_critical_is_found():
    bare = {"name": "bare", "image": "bare"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": {"containers": [bare]}}
    assert {("container-resources", "bare"), ("pod-networkpolicy", "bare")} <= set(criticals([pod]))


def test_what_is_ignored_is_there():
    found = {check for values in ALL.values() for check, _ in criticals(rendered(values))}
    assert found == IGNORED.keys()
