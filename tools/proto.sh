#!/usr/bin/env bash
# Generates proto/gen from proto/csms; with --check, says whether the committed code is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
out=proto/gen
if [ "${1:-}" = --check ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
PATH="$PWD/$bin:$PATH" "$bin/python" -m grpc_tools.protoc -Iproto --python_out="$out" --mypy_out="quiet:$out" proto/csms/v1/*.proto
touch "$out/csms/__init__.py" "$out/csms/v1/__init__.py"
if [ "${1:-}" = --check ]; then
  diff -r -x __pycache__ "$out" proto/gen || { echo "proto/gen is out of date: run 'make proto'" >&2; exit 1; }
fi
