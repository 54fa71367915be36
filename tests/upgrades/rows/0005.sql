-- What came with bulk runs and companies' own commands.
INSERT INTO company (id, name, raw_retention_days, raw_since, command_life_s, custom_commands, created_at) VALUES ({n}3, 'Gamma {n}', NULL, 0, 600, 1, 1002);
INSERT INTO command (id, company_id, machine_id, command, params, state, reason, issued_by, issued_by_key, issued_at, expires_at, sent_at, sends, holds, changed_at, idempotency_key) VALUES ('{n}0000001-0000-7000-8000-000000000004', {n}1, {n}1, 'emergency_stop', '{{}}', 'unconfirmed', '', {n}2, NULL, 8000, NULL, 8001, 4, 3, 8002, NULL);
INSERT INTO machine_model (id, company_id, name, commands, changed_at) VALUES ({n}1, {n}1, 'SCM', '{{}}', 1000);
INSERT INTO bulk_run (id, company_id, command, params, expires_in_s, selection, stage_size, abort_after, stage, state, reason, issued_by, issued_by_key, issued_at, ended_at) VALUES ('r-{n}', {n}1, 'pause', '{{}}', NULL, '{{}}', 10, NULL, 1, 'finished', '', {n}2, NULL, 7000, 7500);
INSERT INTO bulk_target (bulk_id, machine_id, stage, command_id, refused) VALUES ('r-{n}', {n}1, 1, '{n}0000001-0000-7000-8000-000000000003', '');
