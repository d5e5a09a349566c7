#!/usr/bin/env bash
# A real PostgreSQL on loopback, with a cluster of its own. As root, or as a user who may run a server.
#   postgres.sh start DIR    prints its settings as KEY=VALUE; started again it serves the same data
#   postgres.sh stop DIR     ends it, clients or not
# Settings: PG_PORT; PG_STOP: INT (orderly, the default) or QUIT (as a crash). Without fsync: it forgets when the machine crashes, not when it does.
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PIDFILE=$D/run/postgres.pid

if [ "$ACTION" = stop ]; then
  if pid_alive "$PIDFILE"; then
    read -r pid _ <"$PIDFILE"
    kill "-${PG_STOP:-INT}" "$pid" 2>/dev/null # TERM would wait for the clients
    for _ in $(seq 200); do pid_alive "$PIDFILE" || break; sleep 0.05; done
  fi
  stop_pid "$PIDFILE" 5
  exit 0
fi

PORT=${PG_PORT:?}
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$BIN/postgres" ] || die "PostgreSQL is not installed: there is no server below /usr/lib/postgresql"

# It refuses to run as root. Its user must be able to enter the directories above DIR.
AS=()
if [ "$(id -u)" = 0 ]; then AS=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi
mkdir -p "$D/run" "$D/log" "$D/pg"
if [ "$(id -u)" = 0 ]; then
  chown postgres: "$D/pg"
  chmod o+x "$D"
  "${AS[@]}" test -x "$D/pg" || die "the user postgres cannot enter $D/pg: a directory above it is closed to others"
fi
cd "$D/pg" || exit 1
if [ ! -f data/PG_VERSION ]; then
  (umask 077; printf 'pgsecret' >pw)
  [ "$(id -u)" != 0 ] || chown postgres: pw
  "${AS[@]}" "$BIN/initdb" -D data -U glance --pwfile=pw -A scram-sha-256 -E UTF8 --locale=C.UTF-8 -N >"$D/log/initdb.log" 2>&1 ||
    die "cannot make a cluster: $(tail -n 3 "$D/log/initdb.log")"
  rm -f pw
fi
spawn postgres "${AS[@]}" "$BIN/postgres" -D data -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$D/pg" \
  -c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c max_connections=200
wait_for 20 "$PIDFILE" "$BIN/pg_isready" -q -h 127.0.0.1 -p "$PORT" || die "PostgreSQL did not start: $(tail -n 3 "$D/log/postgres.log")"

cat <<SETTINGS
PG_CONNECTION=Host=127.0.0.1;Port=$PORT;Database=postgres;Username=glance;Password=pgsecret
SETTINGS
