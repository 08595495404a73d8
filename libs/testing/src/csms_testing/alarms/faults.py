"""All faults that the drill makes."""

from csms_testing.alarms import in_database, of_processes, of_stations, of_stores, of_tls
from csms_testing.alarms.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *of_tls.FAULTS,
    *of_stores.FAULTS,
    *of_processes.FAULTS,
    *of_stations.FAULTS,
    *in_database.FAULTS,
)
