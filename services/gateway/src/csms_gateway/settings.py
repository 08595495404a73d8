"""The gateway's settings."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from csms_ocpp import versions
from csms_ocpp.versions import Protocol
from csms_runtime.secret_files import KEY_FILES
from csms_runtime.settings import MIN_SECRET_LENGTH, Port, RuntimeSettings
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from csms_gateway.balance import BalanceRules
from csms_gateway.keepalive import WatchTimes
from csms_gateway.proxy import ProxyRules
from csms_gateway.tls import CertificateFiles, TlsFiles

_HEADER = r"^[A-Za-z0-9-]+$"


def _fit_for_headers(secrets: SecretStr) -> SecretStr:
    for secret in secrets.get_secret_value().split():
        if len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"a secret has at least {MIN_SECRET_LENGTH} characters")
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("a secret that goes into an HTTP header is of printable ASCII")
    return secrets


class GatewaySettings(RuntimeSettings):
    """What the gateway has besides what every service has."""

    ocpp_host: str = Field("127.0.0.1", description="Address the gateway listens on for stations")
    ocpp_port: Port = Field(9000, description="Port the gateway listens on for stations; 0: any free one")
    ocpp_plain: bool = Field(
        True,  # noqa: FBT003 - a default, not an argument
        description="Listen on CSMS_OCPP_PORT without TLS (security profile 1, or behind a proxy that ends TLS)",
    )
    ocpp_tls_port: Port | None = Field(
        None, description="Port the gateway listens on for stations with TLS (security profiles 2 and 3); absent: none"
    )
    ocpp_tls_certificates: Annotated[list[CertificateFiles], KEY_FILES] = Field(
        [],
        description='Server certificates, a JSON list of {"certificate", "key"}: paths of PEM files, the leaf first; '
        "an RSA and an ECDSA one serve every station. Read again when they change, and on SIGHUP",
    )
    ocpp_tls_client_cas: list[Path] = Field(
        [],
        description="Authorities of the stations' certificates, a JSON list of paths of PEM files; "
        "empty: stations are not asked for one (no security profile 3)",
    )
    ocpp_tls_client_crls: list[Path] = Field(
        [],
        description="Lists of revoked certificates, a JSON list of paths of PEM files. Where there is one, every "
        "authority that signs for stations needs one; with the list of a root, which counts for the authorities below "
        "it, every root does. A list past its nextUpdate lets no certificate pass",
    )
    ocpp_tls_handshake_timeout_s: float = Field(
        15.0, gt=0, description="How long a station's TLS handshake may take, in seconds"
    )
    ocpp_tls_reload_s: float = Field(10.0, gt=0, description="How often the TLS files are looked at, in seconds")
    proxy_certificate_header: str = Field(
        "X-SSL-Client-Cert",
        pattern=_HEADER,
        description="Header of a trusted proxy with the client certificate as URL-encoded PEM "
        "(nginx ingress: ssl-client-cert)",
    )
    proxy_verify_header: str = Field(
        "X-SSL-Client-Verify",
        pattern=_HEADER,
        description="Header of a trusted proxy that says SUCCESS when it has verified the client certificate "
        "(nginx ingress: ssl-client-verify)",
    )
    proxy_secret: Annotated[SecretStr, AfterValidator(_fit_for_headers)] | None = Field(
        None,
        description="Secret that the proxies before the gateway show in CSMS_PROXY_SECRET_HEADER, at least 16 "
        "characters without blanks; two separated by a blank, while it is replaced. Required where "
        "CSMS_TRUSTED_PROXIES names others than this machine and CSMS_OCPP_PLAIN is on",
    )
    proxy_secret_header: str = Field(
        "X-CSMS-Proxy-Secret",
        pattern=_HEADER,
        description="Header in which a proxy shows CSMS_PROXY_SECRET: it must replace what a station sends there",
    )
    ocpp_protocols: list[Protocol] = Field(
        list(versions.DEFAULT),
        min_length=1,
        description=f"OCPP versions that stations may speak, a JSON list of {', '.join(versions.BUILT)}, the most "
        "wanted first: a station that offers several gets the first one of this list, in whatever order it offers them",
    )
    ocpp_realm: str = Field("OCPP", pattern=r"^[ !#-\[\]-~]+$", description="Realm named in a 401 response")
    max_buffered_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of messages over 16 KiB, of all stations, that may be in the gateway at once; "
        "beyond it, further ones are not read for a while",
    )
    transfer_timeout_s: float = Field(
        60.0, gt=0, description="How long a message over 16 KiB may take to arrive, in seconds"
    )
    message_rate: float = Field(
        200.0,
        gt=0,
        description="Small messages per second a station may send on average; every 4 KiB (inflated) and every "
        "512 values count as one more, a ping, pong or fragment as half of one",
    )
    message_burst: int = Field(1000, ge=1, description="Small messages a station may send at once, counted likewise")
    max_connections: int = Field(
        20_000,
        ge=1,
        description="Connected stations at most; more are answered 503. Fewer, if the process may not have as many "
        "files open (`ulimit -n`) and some to spare",
    )
    max_handshakes: int = Field(1000, ge=1, description="Handshakes in work at most; others wait")
    request_timeout_s: float = Field(
        15.0, gt=0, description="How long a station may take to send its HTTP request, in seconds"
    )
    handshake_wait_s: float = Field(
        30.0, ge=0, description="How long a handshake waits for its turn before it is answered 503, in seconds"
    )
    password_tries: int = Field(
        5,
        ge=0,
        description="Wrong passwords of a station from one address before they are answered later (up to 3 seconds) "
        "and 429 with Retry-After (up to 30), and passwords of it tried at a time; 0: no limit",
    )
    accept_backlog: int = Field(
        4096, ge=1, description="TCP connections that wait to be accepted; the system may allow less"
    )
    ping_interval_s: float = Field(
        30.0, gt=0, description="A station silent for so long, or up to a fifth less, is pinged, in seconds"
    )
    ping_timeout_s: float = Field(
        20.0, gt=0, description="A station silent for so long after a ping is dead, in seconds"
    )
    send_timeout_s: float = Field(
        20.0, gt=0, description="A station that takes nothing of what is sent for so long is disconnected, in seconds"
    )
    close_timeout_s: float = Field(5.0, gt=0, description="How long a closing handshake may take, in seconds")
    message_timeout_s: float = Field(
        30.0, gt=0, description="How long a station may take to answer a CALL when nothing else was said, in seconds"
    )
    publish_timeout_s: float = Field(5.0, gt=0, description="How long the bus may take to acknowledge, in seconds")
    publish_queue: int = Field(20_000, ge=1, description="Records not yet acknowledged by the bus at most")
    result_max_age_s: float = Field(
        120.0, gt=0, description="How long results of CALLs are kept while the bus is away, in seconds"
    )
    lenient_validation: bool = Field(
        False,  # noqa: FBT003 - a default, not an argument
        description="Let messages of stations pass that break the OCPP schemas by fields they do not know, over-long "
        "texts (up to four times as long, or 255 characters; not ids of transactions and tokens), null in place of an "
        "absent field, numbers written as texts or texts as numbers, integers written with decimals that are 0, in "
        "OCPP 1.6 a timestamp that is missing or no date-time (all these in messages below 256 KiB), or, in requests, "
        "values that their enumerations do not know; all but the first are shown as `tolerated` among the station's "
        "refused messages",
    )
    message_log: bool = Field(
        True,  # noqa: FBT003 - a default, not an argument
        description="Tell the message log (`/stations/{id}/messages`) what stations send and are sent, with secrets "
        "masked. For one station: `PUT /stations/{id}/message-log`",
    )
    message_log_entry_bytes: int = Field(
        16 * 1024,
        ge=256,
        le=256 * 1024,
        description="How much of a frame the message log keeps, in bytes; of frames over 256 KiB nothing but the size",
    )
    message_log_queue_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of messages that may wait in the gateway for the message log, of all stations; of one a "
        "sixteenth. What comes beyond it is missing in the log, and delays nothing",
    )
    command_queue: int = Field(20, ge=1, description="CALLs waiting for one station at most")
    presence_interval_s: float = Field(
        5.0,
        gt=0,
        description="How often the gateway reports stations that it heard from, in seconds; each one of them as seldom "
        "as CSMS_LAST_SEEN_S says",
    )
    last_seen_s: float = Field(
        300.0,
        ge=0,
        description="How old `last_seen` of a connected station may become while it is heard from, in seconds. When it "
        "disconnects, `last_seen` is exact. Each report is a row written: 0 means one for each station every "
        "CSMS_PRESENCE_INTERVAL_S",
    )
    connection_refresh_s: float = Field(
        900.0, gt=0, description="How often the gateway says again which stations it holds, in seconds"
    )
    status_interval_s: float = Field(2.0, gt=0, description="How often the gateway announces that it lives, in seconds")
    drain_calls_s: float = Field(
        10.0, ge=0, description="On stop: how long a station's open CALLs may take to finish, in seconds"
    )
    drain_spread_s: float = Field(
        5.0,
        ge=0,
        description="On stop: over how many seconds closing is spread, so that stations do not all return at once",
    )
    drain_delay_s: float = Field(
        0.0,
        ge=0,
        description="On stop: for how many seconds stations are still let in while `/readyz` fails already, so that "
        "load balancers take notice first, in seconds. Part of CSMS_SHUTDOWN_TIMEOUT_S",
    )
    shed_share: float = Field(
        0.05,
        ge=0,
        le=0.5,
        description="Largest share of its stations that a gateway closes in CSMS_SHED_INTERVAL_S when it has more than "
        "the mean of all gateways, so that they connect to the others; only idle ones. 0: none",
    )
    shed_interval_s: float = Field(
        30.0, gt=0, description="How often a gateway compares its number of stations with the others', in seconds"
    )
    shed_band: float = Field(
        0.1,
        gt=0,
        description="A gateway with at most this share more than the mean closes no connections; with few stations, "
        "at most four times the square root of the mean",
    )

    @field_validator("ocpp_protocols")
    @classmethod
    def _built(cls, protocols: list[Protocol]) -> list[Protocol]:
        missing = [protocol.value for protocol in protocols if protocol not in versions.BUILT]
        if missing:
            built = ", ".join(protocol.value for protocol in versions.BUILT)
            raise ValueError(f"not built: {', '.join(missing)}; CSMS_OCPP_PROTOCOLS may name {built}")
        return protocols

    @model_validator(mode="after")
    def _room_for_a_message(self) -> Self:
        if self.max_buffered_bytes < 4 * self.max_message_bytes:
            raise ValueError("CSMS_MAX_BUFFERED_BYTES must be at least four times CSMS_MAX_MESSAGE_BYTES")
        return self

    @model_validator(mode="after")
    def _time_to_drain(self) -> Self:
        if self.drain_delay_s > self.shutdown_timeout_s / 2:
            raise ValueError("CSMS_DRAIN_DELAY_S may be half of CSMS_SHUTDOWN_TIMEOUT_S at most: the rest is to drain")
        return self

    @model_validator(mode="after")
    def _somewhere_to_connect(self) -> Self:
        if not self.ocpp_plain and self.ocpp_tls_port is None:
            raise ValueError("without CSMS_OCPP_PLAIN a gateway needs CSMS_OCPP_TLS_PORT")
        return self

    @model_validator(mode="after")
    def _proxies_prove_themselves(self) -> Self:
        if self.ocpp_plain and not self._proxy_secrets and not self._only_this_machine:
            raise ValueError(
                "CSMS_TRUSTED_PROXIES names proxies outside of this machine: they need CSMS_PROXY_SECRET, for an "
                "address alone proves nothing; or, if no proxy ends TLS before this gateway, set CSMS_OCPP_PLAIN=false"
            )
        return self

    @property
    def _proxy_secrets(self) -> list[bytes]:
        return [secret.encode() for secret in self.proxy_secret.get_secret_value().split()] if self.proxy_secret else []

    @property
    def _only_this_machine(self) -> bool:
        return all(network.is_loopback for network in self.trusted_proxies)

    @property
    def tls_files(self) -> TlsFiles:
        """The files of the TLS endpoint. Raises ValueError when no certificate is configured."""
        if not self.ocpp_tls_certificates:
            raise ValueError("CSMS_OCPP_TLS_PORT needs CSMS_OCPP_TLS_CERTIFICATES")
        return TlsFiles(self.ocpp_tls_certificates, self.ocpp_tls_client_cas, self.ocpp_tls_client_crls)

    @cached_property
    def proxy_rules(self) -> ProxyRules:
        """Which proxies are trusted, and the names of their headers.

        None outside of this machine without a secret: CSMS_TRUSTED_PROXIES then is about the HTTP API.
        """
        secrets = self._proxy_secrets
        return ProxyRules(
            self.trusted_proxies if secrets or self._only_this_machine else (),
            self.proxy_certificate_header,
            self.proxy_verify_header,
            self.proxy_secret_header,
            secrets,
        )

    @property
    def drain_timeout_s(self) -> float:
        """For how many seconds after CSMS_DRAIN_DELAY_S the process may drain."""
        return self.shutdown_timeout_s - self.drain_delay_s

    @property
    def balance_rules(self) -> BalanceRules:
        """When stations are sent to other gateways, and how many."""
        return BalanceRules(self.shed_share, self.shed_band)

    @property
    def watch_times(self) -> WatchTimes:
        """The times after which a peer counts as dead or stuck."""
        return WatchTimes(
            ping_interval_s=self.ping_interval_s,
            ping_timeout_s=self.ping_timeout_s,
            send_timeout_s=self.send_timeout_s,
            close_timeout_s=self.close_timeout_s,
        )
