import pytest
from csms_gateway.settings import GatewaySettings
from csms_ocpp import versions
from csms_ocpp.versions import DEFAULT, Protocol
from pydantic import ValidationError


def test_by_default_stations_connect_on_loopback_with_the_versions_that_are_done() -> None:
    settings = GatewaySettings()
    assert (settings.ocpp_host, settings.ocpp_port) == ("127.0.0.1", 9000)
    assert settings.ocpp_protocols == list(DEFAULT)
    assert settings.max_message_bytes == 4 * 1024 * 1024


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_OCPP_PROTOCOLS", '["ocpp1.6"]')
    monkeypatch.setenv("CSMS_PING_INTERVAL_S", "12.5")
    settings = GatewaySettings()
    assert settings.ocpp_protocols == [Protocol.OCPP16]
    assert settings.watch_times.ping_interval_s == 12.5


@pytest.mark.parametrize("protocols", ["[]", '["ocpp9"]'])
def test_protocols_must_be_known(monkeypatch: pytest.MonkeyPatch, protocols: str) -> None:
    monkeypatch.setenv("CSMS_OCPP_PROTOCOLS", protocols)
    with pytest.raises(ValidationError):
        GatewaySettings()


@pytest.mark.parametrize("protocols", ['["ocpp2.1"]', '["ocpp2.0.1", "ocpp2.1"]'])
def test_protocols_that_are_not_built_are_refused_and_the_built_ones_named(
    monkeypatch: pytest.MonkeyPatch, protocols: str
) -> None:
    monkeypatch.setattr(versions, "BUILT", (Protocol.OCPP201, Protocol.OCPP16))
    monkeypatch.setenv("CSMS_OCPP_PROTOCOLS", protocols)
    with pytest.raises(
        ValidationError, match=r"not built: ocpp2\.1; CSMS_OCPP_PROTOCOLS may name ocpp2\.0\.1, ocpp1\.6"
    ):
        GatewaySettings()


def test_the_largest_message_finds_room() -> None:
    with pytest.raises(ValidationError, match="CSMS_MAX_BUFFERED_BYTES"):
        GatewaySettings(max_buffered_bytes=8 * 2**20)


PROXY_SECRET = "a-secret-that-proxies-show"


@pytest.mark.parametrize("proxies", [["10.0.0.0/8"], ["127.0.0.1", "fd00::/8"], ["0.0.0.0/0"]])
def test_proxies_elsewhere_need_a_secret_where_one_may_end_tls(proxies: list[str]) -> None:
    with pytest.raises(ValidationError, match="CSMS_PROXY_SECRET"):
        GatewaySettings.model_validate({"trusted_proxies": proxies})
    with_secret = GatewaySettings.model_validate({"trusted_proxies": proxies, "proxy_secret": PROXY_SECRET})
    assert len(with_secret.proxy_rules.trusted) == len(proxies)
    assert with_secret.proxy_rules.secrets == [PROXY_SECRET.encode()]
    without_plain = {"trusted_proxies": proxies, "ocpp_plain": False, "ocpp_tls_port": 9443}
    assert not GatewaySettings.model_validate(without_plain).proxy_rules.trusted


@pytest.mark.parametrize("proxies", [[], ["127.0.0.0/8"], ["::1", "127.0.0.1"]])
def test_proxies_on_this_machine_need_none(proxies: list[str]) -> None:
    assert len(GatewaySettings.model_validate({"trusted_proxies": proxies}).proxy_rules.trusted) == len(proxies)


@pytest.mark.parametrize("secret", ["tooshort", "long-enough-but-ä-letter", f"{PROXY_SECRET} tooshort"])
def test_a_proxys_secret_fits_into_a_header(secret: str) -> None:
    with pytest.raises(ValidationError, match="a secret") as caught:
        GatewaySettings.model_validate({"proxy_secret": secret})
    assert "tooshort" not in str(caught.value)
