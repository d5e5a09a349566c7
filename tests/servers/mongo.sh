#!/usr/bin/env bash
# MongoDB on loopback for the GridFS driver: a real mongod when there is one (MONGOD=/path, or in PATH), else a STAND-IN that speaks enough of the
# wire protocol and keeps documents in memory: see mongo-standin/server.py. Debian has no mongod.
#   mongo.sh start DIR    prints its settings as KEY=VALUE
#   mongo.sh stop DIR     ends it
# Settings: MONGO_PORT, MONGO_PASSWORD (the stand-in's; a real mongod runs without users), MONGO_TLS_PORT (a second stand-in with TLS).
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PORT=${MONGO_PORT:?}
if [ "$ACTION" = stop ]; then
  stop_pid "$D/run/mongo.pid" 15
  stop_pid "$D/run/mongo-tls.pid" 15
  exit 0
fi

mkdir -p "$D/run" "$D/log" "$D/db"
mongod=${MONGOD:-$(command -v mongod || true)}
kind=standin
[ -n "$mongod" ] && [ -x "$mongod" ] && kind=mongod
if [ $kind = mongod ]; then
  spawn mongo "$mongod" --dbpath "$D/db" --port "$PORT" --bind_ip 127.0.0.1 --nounixsocket
else
  need_programs openssl
  /usr/bin/python3 -c 'import bson' 2>/dev/null || die "the package python3-bson is not installed"
  server=(/usr/bin/python3 -u "$(dirname "$(realpath "$0")")/mongo-standin/server.py")
  (umask 077 && printf '%s\n' "${MONGO_PASSWORD:?}" >"$D/password")
  spawn mongo "${server[@]}" --port "$PORT" --user glance --password-file "$D/password"
  if [ -n "${MONGO_TLS_PORT:-}" ]; then
    [ -f "$D/tls.pem" ] || {
      openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$D/tls.key" -out "$D/tls.crt" 2>"$D/log/openssl.log" || die "no certificate: see $D/log/openssl.log"
      cat "$D/tls.key" "$D/tls.crt" >"$D/tls.pem"
    }
    spawn mongo-tls "${server[@]}" --port "$MONGO_TLS_PORT" --user glance --password-file "$D/password" --certificate "$D/tls.pem"
    wait_for 60 "$D/run/mongo-tls.pid" port_open "$MONGO_TLS_PORT" || die "the stand-in with TLS did not start: $(tail -n 3 "$D/log/mongo-tls.log")"
  fi
fi
wait_for 60 "$D/run/mongo.pid" port_open "$PORT" || die "$kind did not start: $(tail -n 3 "$D/log/mongo.log")"

cat <<SETTINGS
MONGO_KIND=$kind
MONGO_SERVER=127.0.0.1:$PORT
MONGO_CA_FILE=$D/tls.crt
SETTINGS
[ $kind = mongod ] || echo MONGO_USER=glance
