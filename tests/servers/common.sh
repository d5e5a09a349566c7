# Sourced by the server scripts. Functions only: sourcing runs nothing but the settings below.
# A server's files, logs and process ids live in the directory given to it; a script ends only processes that it recorded there.
export LC_ALL=C.UTF-8
umask 022

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# parse ACTION DIR: sets ACTION and D, absolute.
parse() {
  [ $# -eq 2 ] && { [ "$1" = start ] || [ "$1" = stop ]; } || { echo "usage: $0 start DIR | stop DIR" >&2; exit 2; }
  ACTION=$1
  [ "$ACTION" = start ] && mkdir -p "$2"
  D=$(realpath -m "$2")
  case $D in / | /tmp | /root | /home | /var | /etc | /usr) die "refusing to use $D as a data directory" ;; esac
}

# need_programs NAME...: says what is missing; tests/run installs it.
need_programs() {
  local p
  PATH=$PATH:/usr/sbin:/sbin
  for p in "$@"; do command -v "$p" >/dev/null || die "the program '$p' is not installed"; done
}

# A PID file holds the process id and its start time, so that a recycled id never matches.
start_time() { local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; set -- $s; echo "${20}"; }
pid_alive() { # FILE
  local pid started
  [ -f "$1" ] && read -r pid started <"$1" && [ -n "$pid" ] && [ "$(start_time "$pid")" = "$started" ] || return 1
  case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in Z*) return 1 ;; esac
}

# spawn NAME COMMAND...: in the background, in its own session; log to DIR/log/NAME.log, process id to DIR/run/NAME.pid.
spawn() {
  local name=$1
  shift
  mkdir -p "$D/run" "$D/log"
  setsid "$@" >>"$D/log/$name.log" 2>&1 </dev/null &
  echo "$! $(start_time $!)" >"$D/run/$name.pid"
}

# stop_pid FILE SECONDS: TERM, then KILL.
stop_pid() {
  local pid end
  if pid_alive "$1"; then
    read -r pid _ <"$1"
    kill "$pid" 2>/dev/null || true
    end=$(($(date +%s) + $2))
    while pid_alive "$1" && [ "$(date +%s)" -lt "$end" ]; do sleep 0.05; done
    if pid_alive "$1"; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$1"
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_for SECONDS FILE COMMAND...: until the command succeeds; fails at once when the process recorded in FILE is gone.
wait_for() {
  local end file=$2
  end=$(($(date +%s) + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    pid_alive "$file" && [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 0.05
  done
}
