-- What EMQX may see of the database: two views, and only to read. Run it in Sunsweep's database, after
-- `sunsweep migrate`, as somebody who may grant:
--   CREATE USER 'sunsweep_mqtt'@'%' IDENTIFIED BY 'a password of your own';
--   mariadb sunsweep < grants.sql
-- The views look into their tables with the rights of whoever ran `sunsweep migrate`.
GRANT SELECT ON mqtt_user TO 'sunsweep_mqtt'@'%';
GRANT SELECT ON mqtt_acl TO 'sunsweep_mqtt'@'%';
