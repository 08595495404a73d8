#!/usr/bin/env bash
# Checks Prometheus' rules and runs their tests. Without promtool that is said, and with CI=true it is a failure.
set -euo pipefail
cd "$(dirname "$0")/../deploy/prometheus"
if ! command -v promtool >/dev/null; then
  echo "There is no promtool (Debian: apt install prometheus): Prometheus' rules are not checked" >&2
  [ "${CI:-}" != true ]
  exit
fi
promtool check rules rules.yaml
promtool test rules rules_test.yaml rules_days_test.yaml
