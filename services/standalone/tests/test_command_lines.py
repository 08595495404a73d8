from importlib import import_module

import pytest
from csms_runtime import logging
from typer.testing import CliRunner


@pytest.mark.parametrize("service", ["auth", "device_mgmt", "gateway", "standalone", "transactions"])
def test_tracebacks_show_no_local_variables_for_they_may_hold_secrets(service):
    assert import_module(f"csms_{service}.__main__").cli.pretty_exceptions_enable is False


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CSMS_OCPP_TLS_CERTIFICATES", '[{"certificate": "PATH", "key": "PATH"}]'),
        ("CSMS_OCPP_TLS_CLIENT_CAS", '["PATH"]'),
        ("CSMS_OIDC_CA_FILE", "PATH"),
        ("CSMS_PKI_EST_CAS", "PATH"),
    ],
)
def test_a_file_in_the_settings_that_is_not_there_is_named_in_one_line(tmp_path, monkeypatch, variable, value):
    monkeypatch.setattr(logging, "configure", lambda *_: None)  # its output is closed when the command has ended
    missing = str(tmp_path / "not there.pem")
    monkeypatch.setenv(variable, value.replace("PATH", missing))
    monkeypatch.setenv("CSMS_DATA_DIR", str(tmp_path / "data"))
    ended = CliRunner().invoke(import_module("csms_standalone.__main__").cli, ["serve"])
    assert isinstance(ended.exception, SystemExit)
    assert str(ended.exception) == f"{variable} names {missing}: No such file or directory"
    assert not (tmp_path / "data").exists()
