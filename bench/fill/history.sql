-- The timelines of all stations, fifteen entries each, and that of one that has as much as is kept. Faults are old and few.
INSERT INTO timeline_entries (
    station_key, occurred_at, entry_id, station_id, type, detail, size, kind, told_at, evse_id, connector_id, status, fault,
    token_key
)
SELECT 'cs' || lpad(station::text, 6, '0'), at, md5('entry ' || n), 'CS' || lpad(station::text, 6, '0'),
    CASE what WHEN 0 THEN 'connector_status_changed' WHEN 1 THEN 'station_connected' WHEN 2 THEN 'transaction_started'
        WHEN 3 THEN 'station_notified' ELSE 'authorization_decided' END,
    '{"evse_id":1,"connector_id":1,"status":"Available","reported_at":"2026-01-01T00:00:00+00:00"}', 350,
    CASE what WHEN 0 THEN 'status' WHEN 1 THEN 'connection' WHEN 2 THEN 'transaction' WHEN 3 THEN 'notification'
        ELSE 'authorization' END,
    at, CASE WHEN what IN (0, 2, 4) THEN 1 END, CASE WHEN what = 0 THEN 1 END,
    CASE WHEN what = 0 THEN 'Available' WHEN what = 4 THEN CASE WHEN n < $stations * 4 + 20 THEN 'Blocked' ELSE 'Accepted' END END,
    CASE WHEN what = 0 AND n < $stations / 10 THEN 'GroundFailure' END,
    CASE WHEN what = 4 THEN 'token' || lpad((n % $tokens)::text, 8, '0') END
FROM generate_series(1, $stations * 15) AS n,
    LATERAL (SELECT n % $stations AS station, n / $stations % 5 AS what,
        timestamptz '2026-01-01' + n * (interval '1 year' / ($stations * 15)) AS at) AS s;

INSERT INTO timeline_entries (
    station_key, occurred_at, entry_id, station_id, type, detail, size, kind, told_at, evse_id, connector_id, status
)
SELECT 'cs000007', at, md5('of one ' || n), 'CS000007',
    CASE WHEN n = 5 THEN 'station_booted' ELSE 'connector_status_changed' END,
    '{"evse_id":1,"connector_id":1,"status":"Available","reported_at":"2026-01-01T00:00:00+00:00"}', 350,
    CASE WHEN n = 5 THEN 'boot' ELSE 'status' END, at, 1, 1, CASE WHEN n = 5 THEN NULL ELSE 'Available' END
FROM generate_series(1, 12000) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * (interval '1 year' / 12000) AS at) AS s;

INSERT INTO connections (
    station_key, connection_id, station_id, begun_at, protocol, security_profile, remote_address, gateway_slot,
    gateway_epoch, closed_at, close_code, close_reason
)
SELECT 'cs' || lpad(station::text, 6, '0'), md5('connection ' || n), 'CS' || lpad(station::text, 6, '0'), at, 'ocpp2.0.1', 1,
    '192.0.2.17', 0, 1767225600000, at + interval '1 hour', 1006, ''
FROM generate_series(1, $stations * 5) AS n,
    LATERAL (SELECT n % $stations AS station,
        timestamptz '2026-01-01' + n * (interval '1 year' / ($stations * 5)) AS at) AS s;

INSERT INTO connections (
    station_key, connection_id, station_id, begun_at, protocol, security_profile, remote_address, gateway_slot,
    gateway_epoch, closed_at, close_code, close_reason
)
SELECT 'cs000007', md5('connection of one ' || n), 'CS000007', at, 'ocpp2.0.1', 1, '192.0.2.17', 0, 1767225600000,
    at + interval '1 minute', 1006, ''
FROM generate_series(1, 10000) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * (interval '1 year' / 10000) AS at) AS s;

INSERT INTO station_bytes (station_key, kind, bytes)
SELECT station_key, 'timeline/' || kind, sum(size) FROM timeline_entries GROUP BY station_key, kind;

-- A week of messages: of all stations some, and of one as many as are kept of a day.
INSERT INTO station_messages (station_key, at_us, id, direction, action, outcome, content, size)
SELECT 'cs' || lpad((n % $stations)::text, 6, '0'), 1780272000000000 + n::bigint * 60000, n, 1 + n % 2, 'Heartbeat', 'result',
    '\x08011880a8d6b907220948656172746265617432013132'::bytea, 200
FROM generate_series(1, $stations * 10) AS n;

INSERT INTO station_messages (station_key, at_us, id, direction, action, outcome, content, size)
SELECT 'cs000007', 1780272000000000 + n::bigint * 1000000, n, 1, CASE WHEN n = 5 THEN 'Reset' ELSE 'TransactionEvent' END,
    CASE WHEN n = 6 THEN 'error' ELSE 'result' END, '\x08011880a8d6b907220948656172746265617432013132'::bytea, 200
FROM generate_series(1, 80000) AS n;

INSERT INTO webhooks (
    webhook_id, url, description, enabled, secret, secret_rotated_at, position, failures, created_at, updated_at
)
VALUES ('billing', 'https://billing.example/hook', '', false, '', now(), 0, 0, now(), now());

INSERT INTO webhook_deliveries (
    webhook_id, message_id, type, order_key, state, attempts, next_attempt_at, begun_at, body, size, created_at, finished_at
)
SELECT 'billing', md5('delivery ' || n), 'transaction_ended', 'cs' || lpad((n % $stations)::text, 6, '0'),
    CASE WHEN n % 1000 = 0 THEN 'dead' ELSE 'delivered' END, 1, at, at, '{}', 300, at, at
FROM generate_series(1, $stations * 5) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * (interval '1 year' / ($stations * 5)) AS at) AS s;
