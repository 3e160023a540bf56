#!/bin/bash
# Run by the profile `monitoring`, as often as you like: creates the user who only reads and sets its password. What it may read is
# granted by `etfcast migrate --grant-reader etfcast_reader`.
set -eu
: "${ETFCAST_READER_PASSWORD:?set ETFCAST_READER_PASSWORD in .env}"
: "${GRAFANA_PASSWORD:?set GRAFANA_PASSWORD in .env}" # Grafana's own default is known to everyone
mysql -h mysql -u root -p"$MYSQL_ROOT_PASSWORD" <<SQL
CREATE USER IF NOT EXISTS 'etfcast_reader'@'%';
ALTER USER 'etfcast_reader'@'%' IDENTIFIED BY '$ETFCAST_READER_PASSWORD';
SQL
