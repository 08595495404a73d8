from importlib import import_module

import pytest


@pytest.mark.parametrize("service", ["auth", "device_mgmt", "gateway", "standalone", "transactions"])
def test_tracebacks_show_no_local_variables_for_they_may_hold_secrets(service):
    assert import_module(f"csms_{service}.__main__").cli.pretty_exceptions_enable is False
