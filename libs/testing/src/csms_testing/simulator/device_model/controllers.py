"""The controller components ("...Ctrlr") every simulated station has, as a table."""

from csms_testing.simulator.device_model.variable import Mutability, Variable

_MEASURANDS = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage", "SoC")
_TX_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "DataSigned", "PowerPathClosed", "EnergyTransfer")
_USUAL_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,SoC"


def _integer(
    component: str,
    name: str,
    value: int,
    *,
    instance: str | None = None,
    unit: str | None = None,
    minimum: float | None = 0,
    maximum: float | None = None,
    mutability: Mutability = "ReadWrite",
) -> Variable:
    return Variable(
        component=component,
        name=name,
        instance=instance,
        value=str(value),
        data_type="integer",
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        mutability=mutability,
    )


def _flag(
    component: str, name: str, *, value: bool, instance: str | None = None, mutability: Mutability = "ReadWrite"
) -> Variable:
    text = "true" if value else "false"
    return Variable(
        component=component, name=name, instance=instance, value=text, data_type="boolean", mutability=mutability
    )


def _list(
    component: str, name: str, value: str, choices: tuple[str, ...], *, mutability: Mutability = "ReadWrite"
) -> Variable:
    return Variable(
        component=component, name=name, value=value, data_type="MemberList", choices=choices, mutability=mutability
    )


def _text(component: str, name: str, value: str, mutability: Mutability = "ReadWrite") -> Variable:
    return Variable(component=component, name=name, value=value, mutability=mutability)


def controllers() -> list[Variable]:
    """All controller variables with their factory values."""
    return [
        *_communication(),
        *_device_data(),
        *_security(),
        *_clock(),
        *_transactions(),
        *_metering(),
        *_authorization(),
        *_optional_features(),
    ]


def _communication() -> list[Variable]:
    name = "OCPPCommCtrlr"
    return [
        _integer(name, "HeartbeatInterval", 300, unit="s", minimum=1),
        _integer(name, "MessageTimeout", 30, instance="Default", unit="s", mutability="ReadOnly"),
        _integer(name, "MessageAttempts", 20, instance="TransactionEvent"),
        _integer(name, "MessageAttemptInterval", 2, instance="TransactionEvent", unit="s"),
        _integer(name, "OfflineThreshold", 60, unit="s"),
        _integer(name, "ResetRetries", 1),
        _integer(name, "RetryBackOffWaitMinimum", 1, unit="s"),
        _integer(name, "RetryBackOffRandomRange", 2, unit="s"),
        _integer(name, "RetryBackOffRepeatTimes", 5),
        _integer(name, "WebSocketPingInterval", 0, unit="s"),
        _integer(name, "NetworkProfileConnectionAttempts", 3),
        _text(name, "NetworkConfigurationPriority", "1"),
        _text(name, "ActiveNetworkProfile", "1", "ReadOnly"),
        _list(
            name, "FileTransferProtocols", "HTTP,HTTPS", ("FTP", "FTPS", "HTTP", "HTTPS", "SFTP"), mutability="ReadOnly"
        ),
        _flag(name, "QueueAllMessages", value=False),
        _flag(name, "UnlockOnEVSideDisconnect", value=True),
    ]


def _device_data() -> list[Variable]:
    limits = {"GetReport": 20, "GetVariables": 20, "SetVariables": 10}
    items = [
        _integer("DeviceDataCtrlr", "ItemsPerMessage", limit, instance=action, mutability="ReadOnly")
        for action, limit in limits.items()
    ]
    sizes = [
        _integer("DeviceDataCtrlr", "BytesPerMessage", 8192, instance=action, mutability="ReadOnly")
        for action in limits
    ]
    return [
        *items,
        *sizes,
        _integer("DeviceDataCtrlr", "ConfigurationValueSize", 1000, mutability="ReadOnly"),
        _integer("DeviceDataCtrlr", "ReportingValueSize", 2500, mutability="ReadOnly"),
    ]


def _security() -> list[Variable]:
    name = "SecurityCtrlr"
    password = Variable(component=name, name="BasicAuthPassword", mutability="WriteOnly", minimum=16, maximum=64)
    return [
        password,
        _text(name, "Identity", "", "ReadOnly"),
        _text(name, "OrganizationName", "Open CSMS"),
        _integer(name, "CertificateEntries", 0, maximum=20, mutability="ReadOnly"),
        _integer(name, "SecurityProfile", 1, mutability="ReadOnly"),
        _integer(name, "CertSigningWaitMinimum", 30, unit="s"),
        _integer(name, "CertSigningRepeatTimes", 2),
        _integer(name, "MaxCertificateChainSize", 10000, mutability="ReadOnly"),
        _flag(name, "AdditionalRootCertificateCheck", value=False, mutability="ReadOnly"),
    ]


def _clock() -> list[Variable]:
    sources = ("Heartbeat", "NTP", "GPS", "RealTimeClock", "MobileNetwork", "RadioTimeTransmitter")
    return [
        Variable(component="ClockCtrlr", name="DateTime", data_type="dateTime"),
        _text("ClockCtrlr", "NtpServerUri", "time.example.org"),
        Variable(
            component="ClockCtrlr",
            name="NtpSource",
            value="manual",
            data_type="OptionList",
            choices=("DHCP", "manual"),
            mutability="ReadWrite",
        ),
        _list("ClockCtrlr", "TimeSource", "Heartbeat,RealTimeClock", sources),
        _text("ClockCtrlr", "TimeZone", "Europe/Berlin"),
    ]


def _transactions() -> list[Variable]:
    name = "TxCtrlr"
    return [
        _list(name, "TxStartPoint", "PowerPathClosed", _TX_POINTS),
        _list(name, "TxStopPoint", "EVConnected,Authorized", _TX_POINTS),
        _integer(name, "EVConnectionTimeOut", 60, unit="s"),
        _flag(name, "StopTxOnInvalidId", value=True),
        _flag(name, "StopTxOnEVSideDisconnect", value=True),
        _integer(name, "MaxEnergyOnInvalidId", 0, unit="Wh"),
        _flag(name, "TxBeforeAcceptedEnabled", value=False),
    ]


def _metering() -> list[Variable]:
    sampled, aligned = "SampledDataCtrlr", "AlignedDataCtrlr"
    return [
        _flag(sampled, "Available", value=True, mutability="ReadOnly"),
        _flag(sampled, "Enabled", value=True),
        _integer(sampled, "TxUpdatedInterval", 60, unit="s"),
        _integer(sampled, "TxEndedInterval", 0, unit="s"),
        _list(sampled, "TxStartedMeasurands", "Energy.Active.Import.Register", _MEASURANDS),
        _list(sampled, "TxUpdatedMeasurands", _USUAL_MEASURANDS, _MEASURANDS),
        _list(sampled, "TxEndedMeasurands", "Energy.Active.Import.Register", _MEASURANDS),
        _flag(sampled, "SignReadings", value=False, mutability="ReadOnly"),
        _flag(aligned, "Available", value=True, mutability="ReadOnly"),
        _flag(aligned, "Enabled", value=True),
        _integer(aligned, "Interval", 0, unit="s"),
        _list(aligned, "Measurands", "Energy.Active.Import.Register", _MEASURANDS),
        _integer(aligned, "TxEndedInterval", 0, unit="s"),
        _list(aligned, "TxEndedMeasurands", "Energy.Active.Import.Register", _MEASURANDS),
    ]


def _authorization() -> list[Variable]:
    name = "AuthCtrlr"
    return [
        _flag(name, "Enabled", value=True),
        _flag(name, "AuthorizeRemoteStart", value=False),
        _flag(name, "LocalAuthorizeOffline", value=True),
        _flag(name, "LocalPreAuthorize", value=False),
        _flag(name, "OfflineTxForUnknownIdEnabled", value=True),
        _text(name, "MasterPassGroupId", ""),
        _flag("AuthCacheCtrlr", "Available", value=True, mutability="ReadOnly"),
        _flag("AuthCacheCtrlr", "Enabled", value=True),
        _integer("AuthCacheCtrlr", "LifeTime", 86400, unit="s"),
        _integer("AuthCacheCtrlr", "Storage", 0, mutability="ReadOnly", unit="B"),
        _flag("AuthCacheCtrlr", "DisablePostAuthorize", value=False),
    ]


def _optional_features() -> list[Variable]:
    local_list, monitoring, smart = "LocalAuthListCtrlr", "MonitoringCtrlr", "SmartChargingCtrlr"
    available = [local_list, monitoring, smart, "ReservationCtrlr", "DisplayMessageCtrlr"]
    return [
        *(_flag(name, "Available", value=True, mutability="ReadOnly") for name in available),
        *(_flag(name, "Enabled", value=True) for name in available),
        _integer(local_list, "Entries", 0, maximum=1000, mutability="ReadOnly"),
        _integer(local_list, "ItemsPerMessage", 20, mutability="ReadOnly"),
        _integer(local_list, "BytesPerMessage", 8192, mutability="ReadOnly"),
        _integer(monitoring, "ItemsPerMessage", 10, instance="SetVariableMonitoring", mutability="ReadOnly"),
        _integer(monitoring, "BytesPerMessage", 8192, instance="SetVariableMonitoring", mutability="ReadOnly"),
        _integer(monitoring, "ItemsPerMessage", 10, instance="ClearVariableMonitoring", mutability="ReadOnly"),
        _text(monitoring, "ActiveMonitoringBase", "All", "ReadOnly"),
        _integer(monitoring, "ActiveMonitoringLevel", 9, mutability="ReadOnly"),
        _integer(smart, "Entries", 0, instance="ChargingProfiles", maximum=50, mutability="ReadOnly"),
        _integer(smart, "LimitChangeSignificance", 1),
        _integer(smart, "PeriodsPerSchedule", 24, mutability="ReadOnly"),
        _integer(smart, "ProfileStackLevel", 9, mutability="ReadOnly"),
        _list(smart, "RateUnit", "A,W", ("A", "W"), mutability="ReadOnly"),
        _flag("ReservationCtrlr", "NonEvseSpecific", value=True, mutability="ReadOnly"),
        _integer("DisplayMessageCtrlr", "DisplayMessages", 0, maximum=20, mutability="ReadOnly"),
        _list(
            "DisplayMessageCtrlr",
            "SupportedFormats",
            "ASCII,UTF8",
            ("ASCII", "HTML", "URI", "UTF8"),
            mutability="ReadOnly",
        ),
        _list(
            "DisplayMessageCtrlr",
            "SupportedPriorities",
            "AlwaysFront,InFront,NormalCycle",
            ("AlwaysFront", "InFront", "NormalCycle"),
            mutability="ReadOnly",
        ),
        _text("TariffCostCtrlr", "Currency", "EUR"),
        _flag("TariffCostCtrlr", "Available", value=True, instance="Cost", mutability="ReadOnly"),
        _flag("TariffCostCtrlr", "Enabled", value=True, instance="Cost"),
        _text("TariffCostCtrlr", "TotalCostFallbackMessage", "The price will be on your bill."),
        _text("TariffCostCtrlr", "TariffFallbackMessage", "Prices are shown in the app."),
    ]
