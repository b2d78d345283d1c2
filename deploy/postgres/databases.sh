#!/bin/sh
# Run once, on an empty volume: three databases, each of a role that the others do not let in.
set -eu

database() {
  psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set=name="$1" --set=password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

database dagster "$DAGSTER_PASSWORD"
database warehouse "$WAREHOUSE_PASSWORD"
database alerts "$ALERTS_PASSWORD"
