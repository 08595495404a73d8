INSERT INTO stations (
    station_id, station_key, security_profile, serial_number, registration, onboarding, vendor_ids, password_set, revision,
    next_request_id, created_at, updated_at, registration_status, vendor_name, model, boot_serial_number,
    firmware_version, boot_reason, booted_at, last_seen, connection_open, connection_slot, connection_epoch,
    connection_id, connection_number, connection_protocol, connection_security_profile, remote_address, connected_at,
    site_id, labels, firmware_key
)
SELECT
    'CS' || lpad(n::text, 6, '0'), 'cs' || lpad(n::text, 6, '0'), 1, 'SN-' || upper(substr(md5('serial ' || n), 1, 12)), 'Accepted', 'none', '[]',
    true, 1, 1, timestamptz '2026-01-01', timestamptz '2026-01-01', 'Accepted',
    'Vendor ' || n % 20, 'Model ' || n % 50, upper(substr(md5('boot ' || n), 1, 12)),
    '1.' || n % 30 || '.0', 'PowerUp', timestamptz '2026-06-01', timestamptz '2026-06-02' + abs(hashint8(n)) % 1000000 * interval '1 second',
    true, 0, 1, md5('connection ' || n), 1, 'ocpp2.0.1', 1, '192.0.2.1', timestamptz '2026-06-01',
    'SITE' || lpad((n / 20)::text, 4, '0'), jsonb_build_object('number', n::text),
    'N011' || CASE n % 30 WHEN 0 THEN '' ELSE 'N' || lpad(length((n % 30)::text)::text, 2, '0') || n % 30 END || '#'
FROM generate_series(0, $stations - 1) AS n;

INSERT INTO sites (site_id, name, created_at, updated_at)
SELECT 'SITE' || lpad(n::text, 4, '0'), 'Site ' || n, timestamptz '2026-01-01', timestamptz '2026-01-01'
FROM generate_series(0, $stations / 20) AS n;

-- One label that all have, one that only the last ones have, and one of each.
INSERT INTO station_labels (station_id, label)
SELECT 'CS' || lpad(n::text, 6, '0'), label
FROM generate_series(0, $stations - 1) AS n, LATERAL (
    VALUES ('number:' || n), ('fleet:all'), (CASE WHEN n > $stations - 2000 THEN 'tier:gold' ELSE 'tier:silver' END)
) AS l (label);

INSERT INTO connectors (station_id, evse_id, connector_id, status, reported_at, received_at)
SELECT 'CS' || lpad(n::text, 6, '0'), evse_id, 1, CASE WHEN n > $stations - 1000 THEN 'Faulted' ELSE 'Available' END, timestamptz '2026-06-01', timestamptz '2026-06-01'
FROM generate_series(0, $stations - 1) AS n, generate_series(1, 2) AS evse_id;

INSERT INTO variables (station_id, path, component_name, variable_name, attribute_type, value, updated_at)
SELECT 'CS' || lpad(n::text, 6, '0'), 'Component' || v || '/Variable' || v, 'Component' || v, 'Variable' || v,
    'Actual', v::text, timestamptz '2026-06-01'
FROM generate_series(0, $stations - 1) AS n, generate_series(1, CASE WHEN n = 1 THEN 10000 ELSE 10 END) AS v;

INSERT INTO calls (
    call_id, station_id, action, protocol, request, state, outcome, response, sent_at, completed_at, requested_by,
    origin, created_at, deadline_at, size
)
SELECT md5('call ' || n)::uuid::text, 'CS' || lpad(station::text, 6, '0'), 'TriggerMessage', 'ocpp2.0.1',
    '{"requestedMessage": "StatusNotification"}', 'completed', 'result', '{"status": "Accepted"}', at, at, 'support',
    'api', at, at, 70
FROM generate_series(1, $calls) AS n,
    LATERAL (SELECT CASE WHEN n % 20 = 0 THEN 1 ELSE n % $stations END AS station) AS c,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '10 seconds' AS at) AS t;

INSERT INTO notifications (record_id, station_id, site_id, action, protocol, size, received_at, payload)
SELECT md5('notification ' || n)::uuid::text, 'CS' || lpad(station::text, 6, '0'),
    'SITE' || lpad((station / 20)::text, 4, '0'), 'NotifyEvent', 'ocpp2.0.1', 40, at,
    convert_to('{"generatedAt":"2026-01-01","eventData":[]}', 'UTF8')
FROM generate_series(1, $notifications) AS n,
    LATERAL (SELECT CASE WHEN n <= $of_one THEN 1 ELSE n % $stations END AS station) AS c,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '10 seconds' AS at) AS t;

INSERT INTO faults (fault_id, station_id, site_id, evse_id, source, code, occurred_at, received_at)
SELECT md5('fault ' || n)::uuid::text, 'CS' || lpad((n % $stations)::text, 6, '0'),
    'SITE' || lpad((n % $stations / 20)::text, 4, '0'), 1, 'status',
    CASE WHEN n < 10 THEN 'Rare' ELSE 'Faulted' END, at, at
FROM generate_series(1, $notifications / 10) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS at) AS t;

INSERT INTO refused_messages (
    record_id, station_id, protocol, connection_id, kind, action, code, detail, received_at
)
SELECT md5('refused ' || n)::uuid::text, 'CS' || lpad((n % 1000)::text, 6, '0'), 'ocpp2.0.1', 'c', 'call',
    'NotifyReport', 'FormatViolation', 'not valid', timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, $notifications / 10) AS n;

INSERT INTO assembled_reports (station_id, message, request_id, status, created_at, last_seq_no, parts_in_row)
SELECT 'CS000001', message, n, 'complete', timestamptz '2026-06-01', 99, 100
FROM unnest(ARRAY[
    'NotifyReport', 'NotifyMonitoringReport', 'NotifyCustomerInformation', 'ReportChargingProfiles',
    'NotifyDisplayMessages', 'ReportDERControl'
]) AS message, generate_series(1, 100) AS n;

INSERT INTO assembled_report_parts (station_id, message, request_id, seq_no, tbc, received_at, entries)
SELECT station_id, message, request_id, n, n < 99, created_at, convert_to('[]', 'UTF8')
FROM assembled_reports, generate_series(0, 99) AS n;

INSERT INTO jobs (station_id, kind, request_id, state, created_at, updated_at)
SELECT 'CS000001', kind, n, 'completed', at, at
FROM unnest(ARRAY['firmware', 'log', 'publication']) AS kind, generate_series(1, 1000) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS at) AS t;

INSERT INTO refused_handshakes (
    station_id, remote_address, kind, known, http_status, reason, security_event, told, first_at, last_at
)
SELECT 'CS' || lpad(n::text, 6, '0'), '192.0.2.' || n % 200, 'auth', true, 401, 'wrong password', '', 1, at, at
FROM generate_series(0, $stations - 1) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS at) AS t;

-- As many as are kept.
INSERT INTO dead_letters (record_id, station_id, topic, partition, "offset", "group", reason, value, size, died_at)
SELECT md5('dead ' || n)::uuid::text, 'CS' || lpad((n % 1000)::text, 6, '0'), 'ocpp.calls.devices', 0, n,
    'device-mgmt', 'unreadable', convert_to(repeat('x', 700), 'UTF8'), 700, timestamptz '2026-06-01'
FROM generate_series(1, $dead_letters) AS n;

INSERT INTO bulk_jobs (
    bulk_id, action, request, selection, total, is_selected, rate_per_s, requested_by, state, counts, created_at, finished_at
)
SELECT 'bulk-' || n, 'TriggerMessage', '{"requestedMessage": "Heartbeat"}', convert_to('{"filter":{}}', 'UTF8'),
    $stations, true, 50, 'support', 'completed', '{"result": 1}', at, at
FROM generate_series(1, 1000) AS n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 hour' AS at) AS t;

INSERT INTO bulk_targets (bulk_id, position, station_id, status, call_id, completed_at)
SELECT 'bulk-1', n + 1, 'CS' || lpad(n::text, 6, '0'), CASE WHEN n % 100 = 0 THEN 'timeout' ELSE 'result' END,
    md5('call ' || n + 1)::uuid::text, timestamptz '2026-01-01'
FROM generate_series(0, $stations - 1) AS n;
