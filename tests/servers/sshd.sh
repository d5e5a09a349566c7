#!/usr/bin/env bash
# A real OpenSSH server on loopback for one SFTP-only account in a jail, with key and password. As root.
#   sshd.sh start DIR    prints its settings as KEY=VALUE; a second start after a kill serves the same files and keys
#   sshd.sh stop DIR     ends it and its sessions, removes the account and the jail
# Settings: SSHD_PORT, SFTP_USER (made and removed: sshd knows system accounts only), SFTP_PASSWORD.
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PORT=${SSHD_PORT:?} ACCOUNT=${SFTP_USER:?} PASSWORD=${SFTP_PASSWORD:-}
PIDFILE=$D/run/sshd.pid

# sshd wants a chroot that belongs to root all the way up, which nothing below /tmp does: the jail lies in /run, the files are bound into it.
JAIL=/run/$ACCOUNT

if [ "$ACTION" = stop ]; then
  # A session is a child of its own, which outlives the listener.
  if pid_alive "$PIDFILE"; then
    read -r pid _ <"$PIDFILE"
    sessions=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
    stop_pid "$PIDFILE" 5
    for session in $sessions; do kill "$session" 2>/dev/null; done
  fi
  if mountpoint -q "$JAIL/images"; then umount "$JAIL/images" || umount -l "$JAIL/images"; fi
  rm -f "$JAIL/authorized_keys"
  rmdir "$JAIL/images" "$JAIL" 2>/dev/null
  if [ -f "$D/account" ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do
      userdel "$ACCOUNT" >/dev/null 2>&1
      getent passwd "$ACCOUNT" >/dev/null || break
      sleep 0.2
    done
    rm -f "$D/account"
  fi
  exit 0
fi

need_programs sshd ssh-keygen openssl useradd
mkdir -p "$D/run" "$D/log" "$D/images" /run/sshd
for type in ed25519 ecdsa; do
  [ -f "$D/host_$type" ] || ssh-keygen -q -t "$type" -N '' -C '' -f "$D/host_$type"
done
[ -f "$D/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$D/id_ed25519"
if ! getent passwd "$ACCOUNT" >/dev/null; then
  useradd -M -N -g nogroup -d / -s /usr/sbin/nologin "$ACCOUNT" || die "cannot make the account $ACCOUNT"
  touch "$D/account"
fi
usermod -p "$(openssl passwd -6 -stdin <<<"$PASSWORD")" "$ACCOUNT" || die "cannot set the password"

mkdir -p "$JAIL/images"
mountpoint -q "$JAIL/images" || mount --bind "$D/images" "$JAIL/images" || die "cannot bind-mount $D/images"
chown root:root "$JAIL" && chmod 755 "$JAIL"
chown "$ACCOUNT" "$D/images" && chmod 700 "$D/images"
cp "$D/id_ed25519.pub" "$JAIL/authorized_keys" && chmod 644 "$JAIL/authorized_keys"

cat >"$D/sshd_config" <<CONFIG
Port $PORT
ListenAddress 127.0.0.1
HostKey $D/host_ed25519
HostKey $D/host_ecdsa
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin no
AuthorizedKeysFile $JAIL/authorized_keys
AllowUsers $ACCOUNT
AllowTcpForwarding no
X11Forwarding no
PermitTunnel no
MaxStartups 64:30:128
Subsystem sftp internal-sftp
ForceCommand internal-sftp
ChrootDirectory $JAIL
LogLevel VERBOSE
CONFIG
sshd=$(command -v sshd)
"$sshd" -t -f "$D/sshd_config" || die "sshd refuses its configuration"
spawn sshd "$sshd" -D -e -f "$D/sshd_config"
wait_for 10 "$PIDFILE" port_open "$PORT" || die "sshd did not start: $(tail -n 3 "$D/log/sshd.log")"

cat <<SETTINGS
SFTP_PORT=$PORT
SFTP_USER=$ACCOUNT
SFTP_KEY=$D/id_ed25519
SFTP_HOST_KEY=$(cut -d' ' -f1,2 "$D/host_ed25519.pub")
SFTP_HOST_KEY_ECDSA=$(cut -d' ' -f1,2 "$D/host_ecdsa.pub")
SFTP_HOST_KEY_SHA256=$(ssh-keygen -lf "$D/host_ed25519.pub" | cut -d' ' -f2)
SFTP_DIRECTORY=/images
SFTP_LOCAL_DIRECTORY=$D/images
SETTINGS
