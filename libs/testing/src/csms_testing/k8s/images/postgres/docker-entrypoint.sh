#!/bin/bash
# Does with POSTGRES_USER, POSTGRES_PASSWORD (or its _FILE), POSTGRES_DB and PGDATA what the official image does.
set -euo pipefail
if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    database=${POSTGRES_DB:-$user}
    password=${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:?POSTGRES_PASSWORD is not set}")}
    initdb --pgdata "$PGDATA" --username "$user" --pwfile <(printf '%s\n' "$password") \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C.UTF-8
    [ "$database" = postgres ] || printf 'CREATE DATABASE "%s";\n' "$database" | postgres --single -D "$PGDATA" postgres
    printf 'host all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
    printf "listen_addresses = '*'\n" >> "$PGDATA/postgresql.conf"
fi
exec "$@"
