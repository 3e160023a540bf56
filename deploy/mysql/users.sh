#!/bin/bash
# Run once by the MySQL image on an empty data folder: creates the database and one user per writer.
#   etfcast_admin  migrations; may grant what it owns, and see which users exist
#   etfcast        worker and API; has no rights until `etfcast migrate --grant etfcast` grants them table by table
#   temporal       Temporal's own two databases
set -eu
mysql -u root -p"$MYSQL_ROOT_PASSWORD" <<SQL
CREATE DATABASE IF NOT EXISTS etfcast CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE USER IF NOT EXISTS 'etfcast_admin'@'%' IDENTIFIED BY '$ETFCAST_ADMIN_PASSWORD';
GRANT ALL ON etfcast.* TO 'etfcast_admin'@'%' WITH GRANT OPTION;
GRANT SELECT (user, host) ON mysql.user TO 'etfcast_admin'@'%';
CREATE USER IF NOT EXISTS 'etfcast'@'%' IDENTIFIED BY '$ETFCAST_PASSWORD';
CREATE USER IF NOT EXISTS 'temporal'@'%' IDENTIFIED BY '$TEMPORAL_DB_PASSWORD';
GRANT ALL ON temporal.* TO 'temporal'@'%';
GRANT ALL ON temporal_visibility.* TO 'temporal'@'%';
SQL
