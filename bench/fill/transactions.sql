-- A year of transactions, some still active; a fifth of the stations count their transactions from 1.
INSERT INTO transactions (
    id, station_id, transaction_id, state, evse_id, connector_id, id_token, id_token_type, id_token_key,
    charging_state, started_at, ended_at, meter_start, meter_stop, energy_wh, energy_quality, stopped_reason,
    last_seq_no, event_count, gaps, started_seen, offline_events, updated_at, transaction_id_key,
    ended_updated_at, group_id_token, remote_start_id
)
SELECT
    md5('transaction ' || n),
    'CS' || lpad((n % $stations)::text, 6, '0'),
    station_s_id,
    CASE WHEN n > $transactions - $active THEN 'Active' ELSE 'Ended' END,
    1 + n % 2, 1,
    'TOKEN' || lpad(token::text, 8, '0'), 'ISO14443', 'token' || lpad(token::text, 8, '0'),
    'Charging',
    started,
    CASE WHEN n > $transactions - $active THEN NULL ELSE started + interval '1 hour' END,
    n, n + 20000, 20000, CASE WHEN n % 1000 = 0 THEN 'implausible' WHEN n % 20 = 0 THEN 'derived' ELSE 'measured' END,
    CASE WHEN n > $transactions - $active THEN NULL ELSE 'EVDisconnected' END,
    $each - 1, $each, CASE WHEN n % 500 = 0 THEN '[[1, 2]]' ELSE '[]' END::jsonb, true, 0,
    started + interval '1 hour', station_s_id,
    CASE WHEN n > $transactions - $active THEN NULL ELSE started + interval '1 hour' END,
    CASE WHEN n % 3 = 0 THEN 'GROUP' || n % 300 END,
    CASE WHEN n % 4 = 0 THEN 1 + n / $stations END
FROM generate_series(1, $transactions) AS n,
    LATERAL (SELECT abs(hashint8(n)) % $tokens AS token) AS t,
    LATERAL (
        SELECT CASE WHEN n % 5 = 0 THEN (n / $stations)::text ELSE md5('id ' || n)::uuid::text END AS station_s_id
    ) AS i,
    LATERAL (SELECT timestamptz '2026-01-01' + n * (interval '1 year' / $transactions) AS started) AS s;

INSERT INTO transaction_events (
    transaction, seq_no, protocol, event_type, trigger_reason, timestamp, offline, received_at, payload
)
SELECT
    key, seq_no, 'ocpp2.0.1',
    CASE seq_no WHEN 0 THEN 'Started' WHEN $each - 1 THEN 'Ended' ELSE 'Updated' END,
    'MeterValuePeriodic', at, false, at,
    convert_to(format(
        '{"eventType":"Updated","timestamp":"%s","triggerReason":"MeterValuePeriodic","seqNo":%s,"transactionInfo":'
        '{"transactionId":"%s","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"meterValue":[{"timestamp":'
        '"%s","sampledValue":[{"value":%s.0}]}]}', at, seq_no, key, at, n
    ), 'UTF8')
FROM generate_series(1, $transactions) AS n,
    LATERAL (SELECT md5('transaction ' || n) AS key) AS k,
    generate_series(0, $each - 1) AS seq_no,
    LATERAL (
        SELECT timestamptz '2026-01-01' + n * (interval '1 year' / $transactions) + seq_no * interval '6 minutes' AS at
    ) AS a;

-- One that went on and on.
INSERT INTO transactions (
    id, station_id, transaction_id, state, started_at, last_seq_no, event_count, gaps, started_seen, offline_events,
    updated_at, transaction_id_key
)
VALUES (
    md5('long'), 'CSLONG', 'long', 'Active', timestamptz '2026-01-01', $long - 1, $long, '[]', true, 0,
    timestamptz '2026-12-31', 'long'
);

INSERT INTO transaction_events (
    transaction, seq_no, protocol, event_type, trigger_reason, timestamp, offline, received_at, payload
)
SELECT md5('long'), n, 'ocpp2.0.1', 'Updated', 'MeterValuePeriodic', at, false, at,
    convert_to('{"meterValue":[]}' || repeat(' ', 300), 'UTF8')
FROM generate_series(0, $long - 1) AS n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 minute' AS at) AS a;

-- Clock-aligned values of all stations, and one station that has as many as it may.
INSERT INTO meter_values (id, station_id, evse_id, timestamp, received_at, payload)
SELECT md5('meter ' || n), 'CS' || lpad(station::text, 6, '0'), 1, at, at,
    convert_to(format('{"evseId":1,"meterValue":[{"timestamp":"%s","sampledValue":[{"value":%s.0}]}]}', at, n), 'UTF8')
FROM generate_series(1, $meter_values) AS n,
    LATERAL (SELECT CASE WHEN n <= $of_one THEN 1 ELSE n % $stations END AS station) AS c,
    LATERAL (SELECT timestamptz '2026-01-01' + n * interval '20 seconds' AS at) AS t;

INSERT INTO meter_value_bytes (station_id, bytes)
SELECT station_id, sum(length(payload) + 250) FROM meter_values GROUP BY station_id;
