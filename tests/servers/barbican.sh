#!/usr/bin/env bash
# A real OpenStack Barbican on SQLite on loopback, which keeps secrets itself (simple_crypto) and asks a Keystone who its callers are. As root.
#   barbican.sh start DIR    prints its settings as KEY=VALUE; a second start after a stop serves the same secrets
#   barbican.sh stop DIR
# Settings: BARBICAN_PORT, BARBICAN_AUTH_URL (Keystone with /v3, as keystone.sh makes it). It is not put into the catalogue.
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PIDFILE=$D/run/barbican.pid
if [ "$ACTION" = stop ]; then
  stop_pid "$PIDFILE" 10
  exit 0
fi
PORT=${BARBICAN_PORT:?} AUTH_URL=${BARBICAN_AUTH_URL:?} URL=http://127.0.0.1:${BARBICAN_PORT}
need_programs barbican-wsgi-api uwsgi curl
report() { printf 'BARBICAN_URL=%s\n' "$URL"; }
answers() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "$URL/v1/secrets")" = 401 ]; }
if pid_alive "$PIDFILE" && answers; then report; exit 0; fi
mkdir -p "$D"/{run,log}

# It looks for its configuration in ~/.barbican.
mkdir -p -m 700 "$D/.barbican"
if [ ! -f "$D/key" ]; then (umask 077; head -c 32 /dev/urandom | base64 >"$D/key"); fi
cat >"$D/.barbican/barbican.conf" <<R
[DEFAULT]
host_href = $URL
sql_connection = sqlite:///$D/barbican.sqlite
db_auto_create = true
log_dir =
log_file =
use_stderr = true
[secretstore]
enabled_secretstore_plugins = store_crypto
[crypto]
enabled_crypto_plugins = simple_crypto
[simple_crypto_plugin]
kek = $(cat "$D/key")
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
[keystone_authtoken]
www_authenticate_uri = $AUTH_URL
auth_url = $AUTH_URL
auth_type = password
username = glance
password = glancesecret
project_name = service
user_domain_name = Default
project_domain_name = Default
R
cat >"$D/paste.ini" <<R
[composite:main]
use = egg:Paste#urlmap
/v1: api
[pipeline:api]
pipeline = authtoken context microversion app
[app:app]
paste.app_factory = barbican.api.app:create_main_app
[filter:context]
paste.filter_factory = barbican.api.middleware.context:ContextMiddleware.factory
[filter:microversion]
paste.filter_factory = barbican.api.middleware.microversion:MicroversionMiddleware.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
R
printf 'from paste.deploy import loadapp\napplication = loadapp("config:%s")\n' "$D/paste.ini" >"$D/app.py"

# TERM ends it only with --die-on-term; its workers end with their master. It must say that every connection is cut after its answer.
HOME=$D spawn barbican uwsgi --plugin python3 --http-socket "127.0.0.1:$PORT" --wsgi-file "$D/app.py" --processes 1 --threads 1 \
  --enable-threads --master --die-on-term --lazy-apps --need-app --buffer-size 65535 --disable-logging --add-header "Connection: close"
wait_for 300 "$PIDFILE" answers || die "it did not start: $(tail -n 3 "$D/log/barbican.log")"
report
