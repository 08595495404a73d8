"""What files under deploy/ name exists in the code: variables, metrics, modules, topics, groups, paths of probes."""

import importlib.util
import re
from pathlib import Path

import pytest
from csms_auth.settings import AuthSettings
from csms_bus.groups import GROUPS
from csms_bus.topics import CATALOGUE
from csms_device_mgmt.settings import DeviceSettings
from csms_gateway.settings import GatewaySettings
from csms_history.settings import HistorySettings
from csms_runtime import metrics
from csms_runtime.health import Health
from csms_runtime.http.management import management_router
from csms_runtime.secret_files import is_secret
from csms_runtime.tracing.export import VARIABLES as TRACE_VARIABLES
from csms_standalone.settings import StandaloneSettings
from csms_transactions.settings import TransactionSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KINDS = {".yaml", ".yml", ".json", ".tpl", ".txt", ".md", ".conf", ".sh", ".example", ""}
FILES = sorted(
    path
    for path in DEPLOY.rglob("*")
    if path.is_file() and path.suffix in KINDS and "tests" not in path.parts and "kafka-local" not in path.parts
)
NAMES = [str(path.relative_to(DEPLOY)) for path in FILES]

SETTINGS = (GatewaySettings, AuthSettings, TransactionSettings, DeviceSettings, HistorySettings, StandaloneSettings)
FIELDS = {name: field for settings in SETTINGS for name, field in settings.model_fields.items()}
VARIABLES = {f"CSMS_{name}".upper() for name in FIELDS}
VARIABLES |= {f"CSMS_{name}_FILE".upper() for name, field in FIELDS.items() if is_secret(field)}
SUFFIXES = ("", "_total", "_bucket", "_sum", "_count")
METRICS = {
    f"{family.name}{suffix}"
    for metric in vars(metrics).values()
    if hasattr(metric, "collect") and not isinstance(metric, type)
    for family in metric.collect()
    for suffix in SUFFIXES
}
TOPICS = {topic.name for topic in CATALOGUE}
READERS = {group.name for group in GROUPS}
PATHS = {route.path for route in management_router(Health()).routes}


def test_something_is_looked_at():
    assert len(FILES) > 20
    assert "CSMS_SLOT" in VARIABLES
    assert "csms_gateway_connections" in METRICS


def _of_compose():
    """Variables that the compose file reads itself, from its own .env."""
    return set(re.findall(r"\$\{(CSMS_\w+)", "".join(path.read_text() for path in DEPLOY.glob("compose/compose.yaml"))))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_variables_are_settings(path):
    found = set(re.findall(r"\bCSMS_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
    assert found - VARIABLES <= _of_compose()
    assert set(re.findall(r"\bOTEL_[A-Z0-9_]*[A-Z0-9]\b", path.read_text())) <= TRACE_VARIABLES.keys()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_metrics_and_modules_exist(path):
    found = set(re.findall(r"\bcsms_[a-z0-9_]*[a-z0-9]\b", path.read_text()))
    assert not {name for name in found - METRICS if importlib.util.find_spec(name) is None}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_topics_and_groups_exist(path):
    for label, known in (("topic", TOPICS), ("group", READERS)):
        texts = re.findall(rf'\b{label}\s*=~?\s*\\?"([^"\\]+)\\?"', path.read_text())
        names = {name for text in texts for name in text.split("|") if not set(name) & set("${}*+")}
        assert names <= known


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_paths_of_probes_exist(path):
    assert set(re.findall(r"(/[a-z]+z)\b", path.read_text())) <= PATHS
