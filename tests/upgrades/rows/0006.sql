-- What came with notes.
INSERT INTO machine (id, company_id, serial, name, model, tags, lat, lon, expected_interval_s, notes, enabled, created_at, archived_at, archived_key) VALUES ({n}5, {n}1, 'OLD-5', '', '', '[]', NULL, NULL, 60, 'the gate sticks', 1, 1000, NULL, 0);
