#!/usr/bin/env bash
# A real systemd in a container over a throw-away layer of this machine's root: runs the units of mount/systemd as they are, but with a
# watchdog of 12 s, and does to them what operators and accidents do, while a reader holds an image of each mount open. As root, with a FUSE device.
#   systemd.sh run DIR     prints what happened as KEY=VALUE, DIR/log/steps.log says how; DIR/data holds the images
#   systemd.sh stop DIR    ends it
# Settings: SYSTEMD_PRODUCT (the folder of glance-gateway.dll), SYSTEMD_UNITS (the folder of the units).
. "$(dirname "$(realpath "$0")")/common.sh"
case ${1:-} in run) parse start "${2:?}" ;; *) parse "$@" ;; esac
ROOT=$D/root PIDFILE=$D/run/nspawn.pid

if [ "$ACTION" = stop ]; then
  stop_pid "$PIDFILE" 5
  if mountpoint -q "$ROOT"; then umount -l "$ROOT"; fi
  exit 0
fi

need_programs systemd-nspawn curl python3 dotnet
PRODUCT=${SYSTEMD_PRODUCT:?} UNITS=${SYSTEMD_UNITS:?}
mkdir -p "$D"/{upper,work,root,data,run,log}
chmod 755 "$D/data"
mount -t overlay overlay -o "lowerdir=/,upperdir=$D/upper,workdir=$D/work" "$ROOT"
mkdir -p "$ROOT"/{etc/glance-gateway/mount,var/lib/glance-gateway,opt/steps,opt/product} "$ROOT"/etc/systemd/system/glance-gateway{,-mount@}.service.d
cp "$UNITS"/*.service "$ROOT/etc/systemd/system/"
cp "$UNITS/glance-gateway.sysusers" "$ROOT/usr/lib/sysusers.d/glance-gateway.conf"
printf '#!/bin/sh\nexec dotnet /opt/product/glance-gateway.dll "$@"\n' >"$ROOT/usr/bin/glance-gateway"
chmod 755 "$ROOT/usr/bin/glance-gateway"
printf '[Service]\nWatchdogSec=12\n' | tee "$ROOT"/etc/systemd/system/glance-gateway{,-mount@}.service.d/watchdog.conf >/dev/null
cat >"$ROOT/etc/glance-gateway/glance-gateway.yaml" <<'CONFIG'
listen: 127.0.0.1:9292
mount: { directory: /srv/images, keeper: /run/glance-gateway/keeper.sock }
CONFIG
echo 'MOUNT_ARGUMENTS=http://127.0.0.1:9292' >"$ROOT/etc/glance-gateway/mount/mnt-images"

cat >"$ROOT/opt/steps/reader" <<'READER'
import os, random, sys, time
# Reads one open file at random, and looks the directory up, until the file 'end' is there.
want = open('/opt/steps/image', 'rb').read()
file = os.open(sys.argv[1], os.O_RDONLY)
reads = worst = 0
while not os.path.exists('/opt/steps/end'):
    at, begun = random.randrange(len(want) - 4096), time.monotonic()
    if os.pread(file, 4096, at) != want[at:at + 4096]:
        print(f'wrong bytes at {at}')
        sys.exit(1)
    reads, worst = reads + 1, max(worst, time.monotonic() - begun)
    os.stat(os.path.dirname(sys.argv[1]))
    time.sleep(0.01)
print(f'right after {reads} reads' if reads > 100 else f'only {reads} reads')
READER
cat >"$ROOT/opt/steps/all" <<'STEPS'
#!/bin/bash
exec 2>/opt/steps/log
set -x
is() { echo "$1=$2" >>/opt/steps/result; }
active() { for _ in $(seq 300); do if [ "$(systemctl is-active "$1")" = active ]; then return; fi; sleep 0.2; done; }
pid() { systemctl show -P MainPID "$1"; }
equal() { timeout 30 cmp -s /opt/steps/image "$1" && echo equal || echo differs; }
shown() { for _ in $(seq 100); do if [ -e "$1" ]; then return; fi; sleep 0.2; done; }
G=glance-gateway.service M=glance-gateway-mount@mnt-images.service K=glance-gateway-keeper.service
systemd-sysusers
install -d -o glance-gateway -g glance-gateway /srv/images /mnt/images
chown -R glance-gateway:glance-gateway /var/lib/glance-gateway
systemctl start $K $G; is start $?
head -c 20000000 /dev/urandom >/opt/steps/image
id=$(curl -s -H 'Content-Type: application/json' -d '{"name":"x","disk_format":"raw","container_format":"bare"}' http://127.0.0.1:9292/v2/images | python3 -c 'import json,sys;print(json.load(sys.stdin)["id"])')
is upload "$(curl -s -T /opt/steps/image -H 'Content-Type: application/octet-stream' "http://127.0.0.1:9292/v2/images/$id/file" -w '%{http_code}')"
systemctl start $M; is mount $?
local=/srv/images/by-id/$id remote=/mnt/images/by-id/$id
shown "$local"; shown "$remote"
is local "$(equal "$local")"; is remote "$(equal "$remote")"
python3 /opt/steps/reader "$local" >/opt/steps/local & local_reader=$!
python3 /opt/steps/reader "$remote" >/opt/steps/remote & remote_reader=$!
gateway=$(pid $G) mount=$(pid $M)
systemctl restart $K; is keeper_restarted $?
if [ "$(pid $G) $(pid $M)" = "$gateway $mount" ]; then is servers_kept yes; fi
for unit in $G $M; do
  systemctl restart $unit; is "restarted_${unit%%[.@]*}" $?
  before=$(pid $unit); systemctl kill -s KILL $unit; sleep 1; active $unit
  if [ "$(pid $unit)" != "$before" ]; then is "killed_${unit%%[.@]*}" back; fi
  before=$(pid $unit); kill -STOP "$before"
  for _ in $(seq 150); do if [ "$(pid $unit)" != "$before" ]; then break; fi; sleep 0.2; done
  active $unit; is "hung_${unit%%[.@]*}" "$(journalctl -u $unit | grep -c 'Watchdog timeout') $(systemctl is-active $unit)"
done
before=$(pid $K); systemctl kill -s KILL $K; sleep 1; active $K
if [ "$(pid $K)" != "$before" ]; then is keeper_killed back; fi
is local_again "$(equal "$local")"; is remote_again "$(equal "$remote")"
touch /opt/steps/end; wait $local_reader $remote_reader
is local_reader "$(cat /opt/steps/local)"; is remote_reader "$(cat /opt/steps/remote)"
systemctl stop $M $G
glance-gateway mount stop /mnt/images >&2; glance-gateway mount stop /srv/images >&2
is left "$(grep -c fuse.glance /proc/mounts)"
journalctl --no-pager -u 'glance*' >&2
STEPS
chmod 755 "$ROOT/opt/steps/all"
cat >"$ROOT/etc/systemd/system/steps.service" <<'UNIT'
[Unit]
After=systemd-journald.service dbus.service
Wants=systemd-journald.service dbus.service
[Service]
Type=oneshot
TimeoutStartSec=10min
ExecStart=-/opt/steps/all
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT

# The host's hierarchy of control groups is taken as it is.
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then unified=1; else unified=0; fi
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=$unified spawn nspawn systemd-nspawn -q -D "$ROOT" -M "glance-$$" --register=no --keep-unit --bind=/dev/fuse \
  --bind="$D/data:/var/lib/glance-gateway" --bind-ro="$PRODUCT:/opt/product" -b systemd.unit=steps.service
while pid_alive "$PIDFILE"; do sleep 0.5; done
cp "$ROOT/opt/steps/log" "$D/log/steps.log" 2>/dev/null || true
[ -s "$ROOT/opt/steps/result" ] || die "systemd did not come up: $(tail -n 20 "$D/log/nspawn.log")"
cat "$ROOT/opt/steps/result"
