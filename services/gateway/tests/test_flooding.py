from csms_gateway.flooding import Flooding
from prometheus_client import REGISTRY


def test_stations_of_the_last_minute_count_once() -> None:
    now = 0.0
    flooding = Flooding(lambda: now)
    for station_id in ("CS1", "CS2", "CS1"):
        flooding.seen(station_id)
    assert flooding.count() == 2
    now = 59.0
    flooding.seen("CS2")
    assert REGISTRY.get_sample_value("csms_gateway_flooding_stations") == 2
    now = 60.0
    assert flooding.count() == 1
    now = 120.0
    assert flooding.count() == 0
