#!/bin/sh
# Creates or upgrades Temporal's two databases; safe to run again. SQL_PASSWORD has the password.
set -eu
sql() { temporal-sql-tool --plugin mysql8 --ep mysql -p 3306 -u temporal "$@"; }
for pair in temporal:temporal temporal_visibility:visibility; do
  db=${pair%%:*}
  sql --db "$db" create
  sql --db "$db" setup-schema -v 0.0
  sql --db "$db" update-schema -d "/etc/temporal/schema/mysql/v8/${pair##*:}/versioned"
done
