-- What came with people, keys and the audit log.
INSERT INTO refresh_token (id, user_id, family, token_hash, issued_at, expires_at, used_at) VALUES ({n}1, {n}2, 'family{n}', 'token{n}', 1000, 99000, NULL);
INSERT INTO password_reset (token_hash, user_id, expires_at) VALUES ('reset{n}', {n}2, 9000);
INSERT INTO failed_login (who_hash, failed, last_at, blocked_until) VALUES ('who{n}', 3, 1000, 2000);
INSERT INTO api_key (id, company_id, name, role, key_hash, created_by, created_at, expires_at, used_at, revoked_at) VALUES ({n}1, {n}1, 'Grafana', 'viewer', 'key{n}', {n}2, 1000, 99000, NULL, NULL);
INSERT INTO audit_entry (id, at, company_id, actor_kind, actor_id, actor, address, action, object, outcome, detail) VALUES ({n}1, 1000, {n}1, 'user', {n}2, 'admin{n}@example.com', '127.0.0.1', 'machine.add', 'machine OLD-1', 'done', '{{}}');
INSERT INTO login_to_kick (username, asked_at) VALUES ('m-{n}0000', 950);
INSERT INTO topics_to_clear (machine_id, asked_at) VALUES ({n}3, 950);
INSERT INTO machine_credential (id, machine_id, username, password_hash, salt, created_at, ends_at, revoked_at, first_used_at) VALUES ({n}3, {n}4, 'm-{n}0003', '{mqtt_hash}', '{mqtt_salt}', 1000, NULL, NULL, 1500);
INSERT INTO command (id, machine_id, command, params, state, reason, issued_by, issued_by_key, issued_at, expires_at, sent_at, changed_at, idempotency_key) VALUES ('{n}0000001-0000-7000-8000-000000000003', {n}1, 'pause', '{{}}', 'failed', 'no', NULL, {n}1, 7000, 9000, 7001, 7002, NULL);
