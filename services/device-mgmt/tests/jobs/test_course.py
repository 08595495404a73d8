import pytest
from csms_device_mgmt.jobs.course import JobKind, JobState, after_report, after_response
from csms_device_mgmt.versions.v201.messages import COURSES


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        (JobKind.FIRMWARE_UPDATE, "DownloadScheduled", JobState.ONGOING),
        (JobKind.FIRMWARE_UPDATE, "InstallRebooting", JobState.ONGOING),
        (JobKind.FIRMWARE_UPDATE, "Installed", JobState.COMPLETED),
        (JobKind.FIRMWARE_UPDATE, "InvalidSignature", JobState.FAILED),
        (JobKind.PUBLICATION, "ChecksumVerified", JobState.ONGOING),
        (JobKind.PUBLICATION, "Published", JobState.COMPLETED),
        (JobKind.PUBLICATION, "InvalidChecksum", JobState.FAILED),
        (JobKind.LOG, "Uploading", JobState.ONGOING),
        (JobKind.LOG, "Uploaded", JobState.COMPLETED),
        (JobKind.LOG, "PermissionDenied", JobState.FAILED),
        (JobKind.LOG, "AcceptedCanceled", JobState.CANCELED),
        (JobKind.LOG, "SomethingNew", JobState.ONGOING),
    ],
)
def test_what_a_status_makes_of_a_job(kind, status, state):
    (course,) = [course for course in COURSES.values() if course.kind is kind]
    assert after_report(course, status) is state


@pytest.mark.parametrize(
    ("before", "response", "sent", "after"),
    [
        (JobState.REQUESTED, "Accepted", True, JobState.ONGOING),
        (JobState.REQUESTED, "AcceptedCanceled", True, JobState.ONGOING),
        (JobState.REQUESTED, "Rejected", True, JobState.REJECTED),
        (JobState.REQUESTED, "InvalidCertificate", True, JobState.REJECTED),
        (JobState.REQUESTED, None, True, JobState.UNANSWERED),
        (JobState.REQUESTED, None, False, JobState.NOT_SENT),
        (JobState.UNANSWERED, "Accepted", True, JobState.ONGOING),
        (JobState.COMPLETED, "Accepted", True, JobState.COMPLETED),
        (JobState.ONGOING, None, True, JobState.ONGOING),
    ],
)
def test_what_an_answer_makes_of_a_job(before, response, sent, after):
    assert after_response(before, response, sent=sent) is after
