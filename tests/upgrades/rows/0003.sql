-- What came with enrolment.
INSERT INTO enrolment_code (machine_id, code_hash, expires_at) VALUES ({n}2, '{n}c0de', 9000);
