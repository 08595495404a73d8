-- The timelines of all stations, ten entries each, and that of one that has as much as is kept.
INSERT INTO timeline_entries (station_key, occurred_at, entry_id, station_id, type, detail, size)
SELECT 'cs' || lpad(station::text, 6, '0'), timestamptz '2026-01-01' + n * (interval '1 year' / ($stations * 10)),
    md5('entry ' || n), 'CS' || lpad(station::text, 6, '0'),
    CASE n / $stations % 4 WHEN 0 THEN 'connector_status_changed' WHEN 1 THEN 'station_connected'
        WHEN 2 THEN 'transaction_started' ELSE 'station_notified' END,
    '{"evse_id":1,"connector_id":1,"status":"Available","reported_at":"2026-01-01T00:00:00+00:00"}', 350
FROM generate_series(1, $stations * 10) AS n, LATERAL (SELECT n % $stations AS station) AS s;

INSERT INTO timeline_entries (station_key, occurred_at, entry_id, station_id, type, detail, size)
SELECT 'cs000007', timestamptz '2026-01-01' + n * (interval '1 year' / 50000), md5('of one ' || n), 'CS000007',
    CASE WHEN n = 5 THEN 'station_booted' ELSE 'connector_status_changed' END,
    '{"evse_id":1,"connector_id":1,"status":"Available","reported_at":"2026-01-01T00:00:00+00:00"}', 350
FROM generate_series(1, 50000) AS n;

INSERT INTO station_bytes (station_key, kind, bytes)
SELECT station_key, 'timeline', sum(size) FROM timeline_entries GROUP BY station_key;
