INSERT INTO stations (
    station_id, station_key, revision, security_profile, serial_number, registration, message_timeout_s,
    password_revision, deleted, updated_at
)
SELECT 'CS' || lpad(n::text, 6, '0'), 'cs' || lpad(n::text, 6, '0'), 1, 1, '', 'Accepted', 30, 1, false, timestamptz '2026-01-01'
FROM generate_series(0, $stations - 1) AS n;

INSERT INTO id_tokens (id_key, type, id_token, status, group_id, expires_at, created_at, updated_at)
SELECT 'token' || lpad(n::text, 8, '0'), 'ISO14443', 'TOKEN' || lpad(n::text, 8, '0'),
    CASE WHEN n > $tokens - 10 THEN 'Blocked' ELSE 'Accepted' END, 'GROUP' || n / 20,
    CASE WHEN n % 2 = 0 THEN timestamptz '2026-06-01' + n * interval '1 minute' END, timestamptz '2026-01-01', timestamptz '2026-01-01'
FROM generate_series(0, $tokens - 1) AS n;

INSERT INTO certificates (
    certificate_id, station_id, certificate_type, fingerprint, key_sha256, serial_number, subject, issuer, not_before,
    not_after, chain, issued_at, state, reason, attempts
)
SELECT md5('certificate ' || n)::uuid::text, 'CS' || lpad((n % $stations)::text, 6, '0'), 'ChargingStationCertificate',
    sha256(convert_to('f' || n, 'UTF8')), sha256(convert_to('k' || n, 'UTF8')), n::text, 'CN=station', 'CN=issuer', at,
    at + interval '1 year', repeat(md5(n::text), 60), at, CASE WHEN n < 10 THEN 'Revoked' ELSE 'Accepted' END, '', 1
FROM generate_series(0, 2 * $stations - 1) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS at) AS t;

INSERT INTO certificate_requests (station_id, certificate_type, csr, received_at, state, attempts)
SELECT 'CS' || lpad(n::text, 6, '0'), 'ChargingStationCertificate', repeat(md5(n::text), 30), timestamptz '2026-06-01',
    'Signed', 1
FROM generate_series(0, $stations - 1) AS n;

-- The last entries of one station are older than all others.
INSERT INTO audit (
    record_id, occurred_at, service, principal, authentication, remote_address, method, path, route, status,
    request_id, request
)
SELECT md5('audit ' || n)::uuid::text, at, 'device-mgmt', 'principal ' || n % 20, 'api-key', '192.0.2.1', 'POST',
    CASE WHEN n <= 10000 THEN '/api/v1/stations/OLD/calls/Reset'
    ELSE '/api/v1/stations/CS' || lpad((n % $stations)::text, 6, '0') || '/calls/TriggerMessage' END,
    '/api/v1/stations/{station_id}/calls/{action}', 200, md5('request ' || n),
    convert_to('{"requestedMessage": "StatusNotification"}', 'UTF8')
FROM generate_series(1, $audit) AS n,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '10 seconds' AS at) AS t;
