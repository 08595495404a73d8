"""OCPP 2.1, commands whose answer is all there is to see: each is sent as the operator says it, each answer shown."""

LATER = "2099-01-01T00:00:00Z"
TARIFF = {"tariffId": "t-1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.4}]}}
AT_NIGHT = {"startTimeOfDay": "22:00", "endTimeOfDay": "06:00"}
BY_TIME = {**TARIFF, "energy": {"prices": [{"priceKwh": 0.2, "conditions": AT_NIGHT}, {"priceKwh": 0.4}]}}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


# ---- Triggers --------------------------------------------------------------------------------------------------------
async def test_tc_f_100_csms(sends, refused):
    await sends("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": "BatteryState"})
    await sends(
        "TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": "Other"}, answer="NotImplemented"
    )
    assert await refused("TriggerMessage", {"requestedMessage": "CustomTrigger"}) == ["/customTrigger"]


# ---- Tariffs ---------------------------------------------------------------------------------------------------------
async def test_tc_i_101_csms(sends):
    await sends("SetDefaultTariff", {"evseId": 0, "tariff": BY_TIME})


async def test_tc_i_102_csms(sends):
    await sends("SetDefaultTariff", {"evseId": 1, "tariff": BY_TIME}, answer="TooManyElements")


async def test_tc_i_105_csms(sends):
    await sends("SetDefaultTariff", {"evseId": 1, "tariff": BY_TIME}, answer="ConditionNotSupported")


async def test_tc_i_106_csms(sends, refused):
    await sends("SetDefaultTariff", {"evseId": 1, "tariff": TARIFF}, answer="DuplicateTariffId")
    await sends("SetDefaultTariff", {"evseId": 9, "tariff": TARIFF}, answer="Rejected")
    assert await refused("SetDefaultTariff", {"evseId": 1, "tariff": {"tariffId": "t-1"}}) == ["/tariff/currency"]


async def test_tc_i_110_csms(sends):
    result = {"clearTariffsResult": [{"tariffId": "t-1", "status": "Accepted"}]}
    await sends("ClearTariffs", {"tariffIds": ["t-1"]}, answer=result)
    await sends("ClearTariffs", {"evseId": 1}, answer={"clearTariffsResult": [{"status": "NoTariff"}]})


async def test_tc_i_113_csms(sends, transaction):
    request = {"transactionId": transaction.transaction_id, "tariff": BY_TIME}
    await sends("ChangeTransactionTariff", request, answer="TooManyElements")


async def test_tc_i_114_csms(sends, transaction):
    request = {"transactionId": transaction.transaction_id, "tariff": BY_TIME}
    await sends("ChangeTransactionTariff", request, answer="ConditionNotSupported")


async def test_tc_i_115_csms(sends, transaction):
    await sends("ChangeTransactionTariff", {"transactionId": transaction.transaction_id, "tariff": BY_TIME})
    assert await transaction.event("Updated", "TariffChanged", info={"tariffId": "t-1"}) == {}


# ---- Charging profiles -----------------------------------------------------------------------------------------------
def profile(period=None, *, schedule=None, **fields):
    found = {"id": 1, "chargingRateUnit": "W", "startSchedule": LATER, **(schedule or {})}
    found["chargingSchedulePeriod"] = [{"startPeriod": 0, **(period or {"limit": 7000})}]
    usual = {"chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Absolute"}
    whole = {"id": 100, "stackLevel": 0, **usual}
    return {"evseId": 1, "chargingProfile": {**whole, "chargingSchedule": [found], **fields}}


async def test_tc_k_100_csms(sends):
    await sends("SetChargingProfile", profile(maxOfflineDuration=600, invalidAfterOfflineDuration=True))


async def test_tc_k_101_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "CentralSetpoint", "setpoint": -3000}))


async def test_tc_k_102_csms(sends):
    await sends("SetChargingProfile", profile(schedule={"limitAtSoC": {"soc": 80, "limit": 3000}}))


async def test_tc_k_104_csms(sends):
    await sends("SetChargingProfile", profile(chargingProfilePurpose="PriorityCharging"))


async def test_tc_k_106_csms(sends):
    await sends("SetChargingProfile", profile(schedule={"randomizedDelay": 300}))


async def test_tc_k_113_csms(sends, station, transaction):
    purpose = {"chargingProfilePurpose": "TxProfile", "transactionId": transaction.transaction_id}
    await sends("SetChargingProfile", profile(**purpose))
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000}]}
    told = {"timeBase": LATER, "evseId": 1, "chargingSchedule": schedule}
    assert await station.call("NotifyEVChargingSchedule", told) == {"status": "Accepted"}
    assert await transaction.event("Updated", "ChargingRateChanged") == {}


async def test_tc_k_118_csms(sends, station, transaction):
    await sends("SetChargingProfile", profile(chargingProfilePurpose="PriorityCharging"))
    of = {"transactionId": transaction.transaction_id}
    for activated in (True, False):
        await sends("UsePriorityCharging", of | {"activate": activated})
        assert await station.call("NotifyPriorityCharging", of | {"activated": activated}) == {}


async def test_tc_k_122_csms(sends, refused):
    dynamic = profile(chargingProfileKind="Dynamic", dynUpdateInterval=60)
    await sends("SetChargingProfile", dynamic)
    await sends("UpdateDynamicSchedule", {"chargingProfileId": 100, "scheduleUpdate": {"limit": 3000}})
    await sends("UpdateDynamicSchedule", {"chargingProfileId": 1, "scheduleUpdate": {"limit": 1}}, answer="Rejected")
    assert await refused("UpdateDynamicSchedule", {"chargingProfileId": 1, "scheduleUpdate": {}}) == ["/scheduleUpdate"]


# ---- V2X -------------------------------------------------------------------------------------------------------------
async def test_tc_q_107_csms(sends, transaction):
    allowed = {"transactionId": transaction.transaction_id, "allowedEnergyTransfer": ["AC_three_phase", "AC_BPT"]}
    await sends("NotifyAllowedEnergyTransfer", allowed)
    await sends("SetChargingProfile", profile({"operationMode": "CentralSetpoint", "setpoint": -3000}))


async def test_tc_q_108_csms(sends):
    periods = [{"startPeriod": 0, "setpoint": -3000}, {"startPeriod": 3600, "setpoint": 3000}]
    request = profile()
    request["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"] = [
        {"operationMode": "CentralSetpoint", **period} for period in periods
    ]
    await sends("SetChargingProfile", request)


async def test_tc_q_109_csms(sends):
    setpoint = {"operationMode": "CentralSetpoint", "setpoint": 0}
    await sends("SetChargingProfile", profile(setpoint, chargingProfileKind="Dynamic", dynUpdateInterval=60))
    await sends("UpdateDynamicSchedule", {"chargingProfileId": 100, "scheduleUpdate": {"setpoint": -3000}})


async def _pulled(sends, station, update):
    await sends("SetChargingProfile", profile(chargingProfileKind="Dynamic", dynUpdateInterval=60))
    told = {"status": "Accepted", "scheduleUpdate": {"limit": 7000}}
    assert await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 100}) == told
    await sends("UpdateDynamicSchedule", {"chargingProfileId": 100, "scheduleUpdate": update})
    told = {"status": "Accepted", "scheduleUpdate": update}
    assert await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 100}) == told
    answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 101})
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidProfile")


async def test_tc_k_121_csms(sends, station):
    await _pulled(sends, station, {"limit": 3000})


async def test_tc_q_110_csms(sends, station):
    await _pulled(sends, station, {"setpoint": -3000})


async def test_tc_q_111_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "ExternalSetpoint"}))


async def test_tc_q_112_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "ExternalLimits", "limit": 7000}))


async def test_tc_q_117_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "CentralFrequency", "setpoint": 1000}))


async def test_tc_q_120_csms(sends):
    curve = {"v2xSignalWattCurve": [{"signal": 0, "power": 0}, {"signal": 1, "power": 1000}], "v2xBaseline": 500}
    await sends("SetChargingProfile", profile({"operationMode": "LocalFrequency", **curve}))
    await sends("AFRRSignal", {"timestamp": LATER, "signal": 1})


async def test_tc_q_121_csms(sends):
    curve = {"v2xFreqWattCurve": [{"frequency": 49.9, "power": -1000}, {"frequency": 50.1, "power": 1000}]}
    await sends("SetChargingProfile", profile({"operationMode": "LocalFrequency", "v2xBaseline": 0, **curve}))


async def test_tc_q_124_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "LocalLoadBalancing"}))


async def test_tc_q_125_csms(sends):
    await sends("SetChargingProfile", profile({"operationMode": "Idle", "evseSleep": True}))


# ---- Certificates, logs, monitoring, messages ------------------------------------------------------------------------
async def test_tc_m_101_csms(sends):
    await sends("InstallCertificate", {"certificateType": "OEMRootCertificate", "certificate": PEM})


async def test_tc_n_100_csms(operator, station, station_id):
    request = {"logType": "DataCollectorLog", "requestId": 7, "log": {"remoteLocation": "https://log.example.org/"}}
    async with operator.calling(station_id, "GetLog", request) as pending:
        assert await station.reply("GetLog", {"status": "Accepted", "filename": "data.zip"}) == request
    assert pending.response["filename"] == "data.zip"
    for status in ("Uploading", "Uploaded"):
        assert await station.call("LogStatusNotification", {"status": status, "requestId": 7}) == {}
    assert (await operator.get(f"/stations/{station_id}/logs/7"))["state"] == "completed"


async def test_tc_n_104_csms(operator, station, station_id):
    asked = {"requestId": 4, "monitoringCriteria": ["DeltaMonitoring"]}
    async with operator.calling(station_id, "GetMonitoringReport", asked) as pending:
        assert await station.reply("GetMonitoringReport", {"status": "Accepted"}) == asked
    assert pending.response == {"status": "Accepted"}
    delta = {"id": 1, "transaction": False, "value": 2, "type": "TargetDelta", "severity": 5}
    place = {"component": {"name": "EVSE"}, "variable": {"name": "Power"}}
    monitor = {**place, "variableMonitoring": [{**delta, "eventNotificationType": "CustomMonitor"}]}
    part = {"requestId": 4, "seqNo": 0, "generatedAt": LATER, "monitor": [monitor]}
    assert await station.call("NotifyMonitoringReport", part) == {}
    report = await operator.get(f"/stations/{station_id}/monitoring-reports/4")
    assert (report["complete"], report["entries"]) == (True, [monitor])


async def test_tc_n_107_csms(sends):
    stream = {"id": 1, "variableMonitoringId": 2, "params": {"interval": 5}}
    await sends("GetPeriodicEventStream", answer={"constantStreamData": [stream]})
    await sends("GetPeriodicEventStream", answer={})


async def test_tc_o_100_csms(sends, refused):
    text, extra = ({"format": "UTF8", "language": name, "content": name} for name in ("en", "tlh"))
    message = {"id": 1, "priority": "NormalCycle", "message": text, "messageExtra": [extra]}
    why = {"reasonCode": "UnsupportedParam", "additionalInfo": "tlh"}
    refusal = {"status": "LanguageNotSupported", "statusInfo": why}
    await sends("SetDisplayMessage", {"message": message}, answer=refusal)
    assert await refused("SetDisplayMessage", {"message": {**message, "messageExtra": [extra] * 5}}) == [
        "/message/messageExtra"
    ]


async def test_tc_o_101_csms(sends):
    text, extra = ({"format": "UTF8", "language": name, "content": name} for name in ("en", "nl"))
    message = {"id": 1, "priority": "NormalCycle", "message": text, "messageExtra": [extra]}
    await sends("SetDisplayMessage", {"message": message})


async def test_tc_r_107_csms(sends, refused, operator, station, station_id):
    curve = {"priority": 0, "yUnit": "PctMaxW", "curveData": [{"x": 1, "y": 2}]}
    control = {"isDefault": True, "controlId": "c-1", "controlType": "VoltWatt"}
    await sends("SetDERControl", {**control, "curve": curve})
    await sends("SetDERControl", {**control, "controlId": "c-2", "curve": curve}, answer="NotSupported")
    assert await refused("SetDERControl", control) == ["/curve"]
    (held,) = await operator.items(f"/stations/{station_id}/der-controls")
    assert (held["id"], held["control_type"], held["is_default"], held["settings"]) == ("c-1", "VoltWatt", True, curve)
    async with operator.posting(f"/stations/{station_id}/der-control-reports", {}) as pending:
        asked = await station.reply("GetDERControl", {"status": "Accepted"})
    assert pending.response == {"status": "Accepted"}
    shown = {"id": "c-1", "curveType": "VoltWatt", "isDefault": True, "isSuperseded": False, "curve": curve}
    gradient = {"id": "g-1", "gradient": {"priority": 0, "gradient": 1, "softGradient": 2}}
    for part in ({"curve": [shown], "tbc": True}, {"gradient": [gradient]}):
        assert await station.call("ReportDERControl", {"requestId": asked["requestId"], **part}) == {}
    report = await operator.get(f"/stations/{station_id}/der-control-reports/{asked['requestId']}")
    assert (report["complete"], report["entries"]) == (True, [{"curve": shown}, {"gradient": gradient}])
    started = {"controlId": "c-1", "started": True, "timestamp": LATER}
    assert await station.call("NotifyDERStartStop", started) == {}
    both = await operator.items(f"/stations/{station_id}/der-controls")
    assert [(each["id"], each["control_type"], each["is_started"]) for each in both] == [
        ("c-1", "VoltWatt", True),
        ("g-1", "Gradients", None),
    ]
    await sends("ClearDERControl", {"isDefault": True, "controlId": "c-1"})
    assert [each["id"] for each in await operator.items(f"/stations/{station_id}/der-controls")] == ["g-1"]
    await sends("ClearDERControl", {"isDefault": False}, answer="NotFound")


async def test_tc_s_102_csms(sends):
    request = {"requestId": 1, "idToken": {"idToken": "TAG", "type": "ISO14443"}}
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "NoBatteryAvailable"}}
    await sends("RequestBatterySwap", request, answer=answer)
