"""Topics and migrations come before services of a new version."""

from csms_bus.admin import DIFFER
from csms_testing.chart import PRODUCTION, TRIAL, deep, named, notes, of_kind, pods, rendered

STRICT = {"topics": {"strict": True}}
JOBS = ["topics", "migrate-auth", "migrate-device-mgmt", "migrate-history", "migrate-transactions"]


def test_another_version_of_the_chart_does_not_restart_the_stores_of_a_trial():
    stores = [
        item
        for item in of_kind(rendered(TRIAL), "StatefulSet")
        if item["metadata"]["name"].endswith(("kafka", "postgresql"))
    ]
    assert len(stores) == 2
    for store in stores:
        labels = store["spec"]["template"]["metadata"]["labels"]
        assert labels == store["spec"]["selector"]["matchLabels"]


def _hooks(documents):
    """Name, weight and events of each hook."""
    for each in documents:
        annotations = each["metadata"].get("annotations", {})
        if "helm.sh/hook" in annotations:
            yield each, int(annotations["helm.sh/hook-weight"]), annotations["helm.sh/hook"].split(",")


def test_jobs_come_before_an_installation_and_an_upgrade():
    hooks = list(_hooks(rendered(PRODUCTION)))
    assert all(events == ["pre-install", "pre-upgrade"] for _, _, events in hooks)
    order = [(weight, each["metadata"]["name"]) for each, weight, _ in hooks if each["kind"] == "Job"]
    assert [name for _, name in sorted(order)] == [f"csms-{name}" for name in JOBS]


def test_what_jobs_need_comes_before_them():
    hooks = list(_hooks(rendered(PRODUCTION)))
    first = min(weight for each, weight, _ in hooks if each["kind"] == "Job")
    needed = {each["kind"]: weight for each, weight, _ in hooks if each["kind"] != "Job"}
    assert needed.keys() == {"ServiceAccount", "NetworkPolicy"}
    assert max(needed.values()) < first


def test_a_trial_s_jobs_do_not_wait_for_what_is_installed_with_them():
    made = rendered(TRIAL)
    assert not list(_hooks(made))
    assert {each["metadata"]["name"] for each in of_kind(made, "Job")} == {f"csms-{name}-first" for name in JOBS}


def test_an_upgrade_of_a_trial_has_its_jobs_before():
    hooks = [(each["metadata"]["name"], events) for each, _, events in _hooks(rendered(TRIAL, "--is-upgrade"))]
    assert sorted(hooks) == [(f"csms-{name}", ["pre-upgrade"]) for name in sorted(JOBS)]


def test_jobs_are_tried_again_and_keep_what_they_said():
    for name, pod in pods(rendered(PRODUCTION)).items():
        if "migrate" in name or "topics" in name:
            assert pod["spec"]["restartPolicy"] == "Never"
    assert all(each["spec"]["backoffLimit"] > 0 for each in of_kind(rendered(PRODUCTION), "Job"))


def test_a_strict_topics_job_fails_at_once_when_something_differs():
    jobs = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered(deep(PRODUCTION, STRICT)), "Job")}
    (rule,) = jobs["csms-topics"]["podFailurePolicy"]["rules"]
    (made,) = jobs["csms-topics"]["template"]["spec"]["containers"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"] == {"containerName": made["name"], "operator": "In", "values": [DIFFER]}
    assert "--strict" in made["command"]
    assert not [name for name, spec in jobs.items() if "podFailurePolicy" in spec and name != "csms-topics"]


def test_the_notes_name_the_job_that_warns_of_too_few_replicas():
    assert "logs job/csms-topics" in notes(PRODUCTION)
    assert "not as wanted" not in notes(TRIAL) + notes(deep(PRODUCTION, STRICT))
    assert "podFailurePolicy" not in named(rendered(PRODUCTION), "Job", "topics")["spec"]


def test_jobs_can_be_left_to_others():
    made = rendered(PRODUCTION | {"topics": {"job": False}, "migrations": {"job": False}})
    assert not list(_hooks(made))
    assert not of_kind(made, "Job")


def test_the_pods_of_jobs_have_labels_and_annotations_of_their_own():
    values = {
        "jobs": {"podLabels": {"team": "a"}, "podAnnotations": {"vault": "yes"}},
        "auth": {"podAnnotations": {"mesh": "on"}},
    }
    for job in of_kind(rendered(deep(PRODUCTION, values)), "Job"):
        made = job["spec"]["template"]["metadata"]
        assert made["labels"]["team"] == "a"
        assert made["annotations"] == {"vault": "yes"}, "a side-car of a service would never let a job end"
