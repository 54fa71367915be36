-- What came with roll-ups and the ledger.
INSERT INTO telemetry_hour (machine_id, start, count, battery_count, battery_min, battery_max, battery_mean, solar_v_count, solar_a_count, water_count, extra) VALUES ({n}1, 3600000, 120, 120, 12, 14, 13, 0, 0, 0, '{{"temp":[120,1,2,1.5]}}');
INSERT INTO telemetry_day (machine_id, start, count, battery_count, battery_min, battery_max, battery_mean, solar_v_count, solar_a_count, water_count, extra) VALUES ({n}1, 0, 120, 120, 12, 14, 13, 0, 0, 0, NULL);
INSERT INTO ledger_day (machine_id, boot, day, count, stored, rejected) VALUES ({n}1, 3, 0, 120, '[[1,120]]', '[[121,121,"clock_ahead"]]');
INSERT INTO ledger_loss (machine_id, boot, first_seq, last_seq) VALUES ({n}1, 3, 122, 130);
INSERT INTO ledger_end (machine_id, boot, last_seq) VALUES ({n}1, 3, 131);
INSERT INTO ledger_boot (machine_id, boot, last_seq, stored, rejected, given_up, missing, counted_at) VALUES ({n}1, 3, 131, 120, 1, 9, 1, 7200000);
INSERT INTO dirty_hour (machine_id, hour) VALUES ({n}1, 3600000);
INSERT INTO dead_letter_day (machine_id, day, refused, kept) VALUES ({n}1, 0, 5, 2);
INSERT INTO dead_letter (id, company_id, machine_id, topic, payload, size, boot, seq, reason, detail, received_at, replay_at) VALUES ({n}2, {n}1, {n}1, 'company/{n}1/machine/OLD-1/telemetry', NULL, 9, 7, 5, 'clock_ahead', '', {now} - 44000, NULL);
INSERT INTO lease (name, holder, expires_at, since) VALUES ('ingest-{n}', '', 1, 1);
