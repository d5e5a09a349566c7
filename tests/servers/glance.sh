#!/usr/bin/env bash
# A real OpenStack Glance on SQLite on loopback. As root.
#   glance.sh start DIR    prints its settings as KEY=VALUE; a second start after a stop serves the same images
#   glance.sh stop DIR
# Settings: GLANCE_PORT, GLANCE_WORKERS (1), GLANCE_FLAVOR: empty (no authentication, everyone is administrator), headers (identity from X-* headers)
# or keystone (tokens of GLANCE_AUTH_URL, a Keystone as keystone.sh makes it). GLANCE_STORE: file, or rbd on the Ceph of ceph.sh, whose settings
# CEPH_CONF, CEPH_POOL, CEPH_USER and CEPH_USER_KEYRING it then takes.
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PORT=${GLANCE_PORT:?} WORKERS=${GLANCE_WORKERS:-1} FLAVOR=${GLANCE_FLAVOR:-} STORE=${GLANCE_STORE:-file}
CONF=$D/etc/glance-api.conf PIDFILE=$D/run/glance.pid
if [ "$ACTION" = stop ]; then
  stop_pid "$PIDFILE" 15
  exit 0
fi
need_programs glance-api glance-manage python3 curl
report() { printf 'GLANCE_URL=http://127.0.0.1:%s\nGLANCE_CONF=%s\nGLANCE_STORE_DIR=%s\n' "$PORT" "$CONF" "$D/store"; }
answers() { [ -n "$(curl -s -m 5 "http://127.0.0.1:$PORT/versions")" ]; }
if pid_alive "$PIDFILE" && answers; then report; exit 0; fi
mkdir -p "$D"/{etc,log,run,store,staging,tasks,lock}
pipeline="cors healthcheck http_proxy_to_wsgi versionnegotiation unauthenticated-context rootapp"
[ "$FLAVOR" = headers ] && pipeline="cors healthcheck http_proxy_to_wsgi versionnegotiation context rootapp"
[ "$FLAVOR" = keystone ] && pipeline="cors healthcheck http_proxy_to_wsgi versionnegotiation authtoken context rootapp"
main="filesystem_store_datadir = $D/store"
if [ "$STORE" = rbd ]; then
  { cat "${CEPH_CONF:?}"; printf '\n[client.%s]\nkeyring = %s\n' "${CEPH_USER:?}" "${CEPH_USER_KEYRING:?}"; } >"$D/etc/ceph.conf"
  printf -v main '%s\n' "rbd_store_ceph_conf = $D/etc/ceph.conf" "rbd_store_pool = ${CEPH_POOL:?}" "rbd_store_user = $CEPH_USER"
fi
cat >"$CONF" <<R
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $PORT
workers = $WORKERS
log_file = $D/log/api.log
enabled_backends = main:$STORE
[database]
connection = sqlite:///$D/glance.sqlite
[glance_store]
default_backend = main
[main]
$main
[os_glance_staging_store]
filesystem_store_datadir = $D/staging
[os_glance_tasks_store]
filesystem_store_datadir = $D/tasks
[paste_deploy]
flavor = test
config_file = $D/etc/paste.ini
[oslo_concurrency]
lock_path = $D/lock
[keystone_authtoken]
www_authenticate_uri = ${GLANCE_AUTH_URL:-}
auth_url = ${GLANCE_AUTH_URL:-}
auth_type = password
username = glance
password = glancesecret
project_name = service
user_domain_name = Default
project_domain_name = Default
R
paste=
for p in /etc/glance /usr/share/glance /usr/share/doc/glance-common; do
  if [ -z "$paste" ] && [ -f "$p/glance-api-paste.ini" ]; then paste=$p/glance-api-paste.ini; fi
done
[ -n "$paste" ] || die "the package glance-common brought no glance-api-paste.ini"
{ cat "$paste"; printf '\n[pipeline:glance-api-test]\npipeline = %s\n' "$pipeline"; } >"$D/etc/paste.ini"
if [ ! -f "$D/ready" ]; then
  rm -f "$D"/glance.sqlite*
  {
    # WAL, which the file remembers: otherwise a reader's open cursor blocks every writer ('database is locked').
    python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("pragma journal_mode=wal").fetchone())' "$D/glance.sqlite" &&
      glance-manage --config-file "$CONF" db sync
  } >"$D/log/setup.log" 2>&1 || die "database: see $D/log/setup.log: $(tail -n 3 "$D/log/setup.log")"
  touch "$D/ready"
fi
spawn glance glance-api --config-file "$CONF"
wait_for 300 "$PIDFILE" answers || die "it did not start: $(tail -n 3 "$D/log/glance.log")"
report
