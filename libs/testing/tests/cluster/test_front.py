import pytest
from csms_testing.cluster.front import owner


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/stations", "device-mgmt"),
        ("/api/v1/stations/CS1", "device-mgmt"),
        ("/api/v1/stations/meter-values", "device-mgmt"),
        ("/api/v1/stations/CS1/calls/Reset", "device-mgmt"),
        ("/api/v1/calls/1", "device-mgmt"),
        ("/api/v1/stations/CS1/credentials", "auth"),
        ("/api/v1/id-tokens/Central/a%2Fb", "auth"),
        ("/api/v1/certificates/x/revocation", "auth"),
        ("/api/v1/certificate-requests", "auth"),
        ("/api/v1/certificate-authority/crl", "auth"),
        ("/api/v1/stations/CS1/meter-values", "transactions"),
        ("/api/v1/stations/CS1/remote-start", "transactions"),
        ("/api/v1/transactions", "transactions"),
        ("/api/v1/transactions/1/remote-stop", "transactions"),
        ("/api/v1/gateway/connections", "gateway"),
    ],
)
def test_each_path_goes_to_its_owner(path, service):
    assert owner(path) == service
