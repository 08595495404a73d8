"""What all tests share."""

pytest_plugins = ["csms_testing.fixtures", "csms_testing.parallel"]
