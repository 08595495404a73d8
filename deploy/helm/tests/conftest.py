import pytest
from csms_testing.chart import ALL, rendered


@pytest.fixture(params=ALL)
def documents(request):
    """The objects of each of the sets of values."""
    return rendered(ALL[request.param])
