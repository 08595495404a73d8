"""How a simulated station is built and how it behaves; shared by all stations of a fleet."""

import ssl as tls
from dataclasses import dataclass

from csms_testing.simulator.protocol import DEFAULT, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """Everything about a station except who it is and where it connects to."""

    protocol: Protocol = DEFAULT
    """The OCPP version that it speaks."""
    evses: int = 2
    connectors: int = 1
    """Per EVSE. OCPP 1.6: 1."""
    vendor: str = "Open CSMS"
    model: str = "Simulated station"
    firmware_version: str = "1.0.0"
    max_power_w: int = 22_000
    """Per EVSE."""
    ssl: tls.SSLContext | None = None
    """For wss: security profiles 2 and 3."""
    compression: bool = True
    """Offer permessage-deflate; costs some 64 kB per connection."""
    connect_timeout_s: float = 30
    call_timeout_s: float | None = None
    """Real seconds to wait for an answer; None: OCPPCommCtrlr.MessageTimeout[Default]."""
    boot_retry_s: float = 30
    """Real seconds between boots when the CSMS leaves the interval to the station (B02.FR.07)."""
    time_scale: float = 1.0
    """Factor on all waits of the protocol (boot, heartbeat, back-off, E13); tests make it small."""
    reboot_s: float = 5
    """Simulated seconds a reboot takes."""
    transfer_s: float = 10
    """Simulated seconds that a download, an upload or an installation takes."""
    firmware_fails_with: str | None = None
    """How firmware updates end: DownloadFailed, InvalidSignature, InstallationFailed, InstallVerificationFailed;
    None: they succeed."""
    retry_same_message_id: bool = False
    """Whether what is said of a transaction again keeps its message id (OCPP 2.0.1 errata 2024-09 allow it)."""
    offline_limit: int = 100_000
    """Messages about transactions kept while they cannot be delivered."""
    status_notifications: bool = True
    """Report connectors by StatusNotification."""
    status_events: bool = False
    """Report connectors by NotifyEvent (Connector.AvailabilityState) as well; a CSMS must take both (G01)."""
    remote_start_plugs_in: bool = True
    """Whether a simulated driver plugs in after a remote start; otherwise TxCtrlr.EVConnectionTimeOut passes."""
    remote_session_s: float = 1800
    """Simulated seconds a remotely started session lasts at most."""
    report_part_size: int = 20
    """Entries in one NotifyReport, NotifyMonitoringReport and so on."""
    wrong_password_is_fatal: bool = False
    """Stop trying after a handshake refused with 401 instead of backing off forever."""
