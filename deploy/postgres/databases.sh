#!/bin/sh
# Run once, on an empty volume: a database each, owned by a role that no other database lets in.
set -eu

database() {
  psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres \
    --set=name="$1" --set=password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

database dagster "$DAGSTER_PASSWORD"
database warehouse "$WAREHOUSE_PASSWORD"
database alerts "$ALERTS_PASSWORD"
