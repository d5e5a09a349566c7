#!/usr/bin/env bash
# A one-node Ceph on loopback: monitor and OSD, cephx on. Without a manager, so usage statistics are zero.
#   ceph.sh start DIR    prints its settings as KEY=VALUE; a second start with bluestore serves the same data
#   ceph.sh stop DIR     ends it
# Settings: CEPH_MON_PORT (it and the next one are taken), CEPH_PORT_BASE (some of the 100 from there on), CEPH_POOL (images),
#           CEPH_MORE_POOLS (names; the user may write to them too), CEPH_OTHER_POOLS (names; the user may not even read them),
#           CEPH_OSD_STORE: memstore starts in 2 s and forgets at its stop, bluestore lies on a sparse file; CEPH_OSD_BYTES (4 GiB).
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
MON_PORT=${CEPH_MON_PORT:?} BASE=${CEPH_PORT_BASE:?}
STORE=${CEPH_OSD_STORE:-bluestore} BYTES=${CEPH_OSD_BYTES:-4294967296} POOL=${CEPH_POOL:-images}
MORE=${CEPH_MORE_POOLS:-} OTHERS=${CEPH_OTHER_POOLS:-}
CONF=$D/ceph.conf KEYRING=$D/ceph.client.admin.keyring
# librados lets it win over every configuration file.
unset CEPH_KEYRING CEPH_CONF CEPH_ARGS
admin() { timeout "${LIMIT:-20}" ceph -c "$CONF" -k "$KEYRING" --connect-timeout 10 "$@"; }

if [ "$ACTION" = stop ]; then
  stop_pid "$D/run/osd.0.pid" 20
  stop_pid "$D/run/mon.a.pid" 15
  exit 0
fi

need_programs ceph ceph-authtool ceph-mon ceph-osd monmaptool rbd
stop_pid "$D/run/osd.0.pid" 20
stop_pid "$D/run/mon.a.pid" 15
mkdir -p "$D"/{run,log,mon,osd,asok}
new=
if [ "$STORE" = memstore ] || [ ! -f "$D/osd/done" ]; then
  rm -rf "$D/mon" "$D/osd" "$D/log"
  mkdir -p "$D"/{mon,osd,log}
  new=1
  cat /proc/sys/kernel/random/uuid >"$D/fsid"
fi
FSID=$(cat "$D/fsid")
cat >"$CONF" <<CONFIG
[global]
fsid = $FSID
mon_host = [v2:127.0.0.1:$((MON_PORT + 1)),v1:127.0.0.1:$MON_PORT]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
public_network = 127.0.0.0/8
ms_bind_ipv4 = true
ms_bind_ipv6 = false
ms_bind_port_min = $BASE
ms_bind_port_max = $((BASE + 99))
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = $KEYRING
run_dir = $D/run
admin_socket = $D/asok/\$name.\$pid.asok
log_file = $D/log/\$name.log
log_to_stderr = false
err_to_stderr = true
mon_cluster_log_file = $D/log/cluster.log
crash_dir = $D/log/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
auth_allow_insecure_global_id_reclaim = false
# A placement group whose OSD stood still for longer than its read lease, 16 s of old, is readable again only when another OSD confirms the
# next lease. Here is none, so that one with 10 minutes is halted without being lost for good.
osd_pool_default_read_lease_ratio = 30
rbd_default_features = 61

[mon]
mon_data = $D/mon
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
mon_osd_full_ratio = 0.96
mon_osd_nearfull_ratio = 0.94
mon_osd_backfillfull_ratio = 0.95

[osd]
osd_data = $D/osd
keyring = $D/osd/keyring
osd_objectstore = $STORE
memstore_device_bytes = $BYTES
bluestore_block_create = true
bluestore_block_size = $BYTES
bluestore_block_wal_create = false
bluestore_block_db_create = false
bluestore_fsck_on_mount = false
osd_max_object_name_len = 256
osd_max_object_namespace_len = 64
osd_memory_target = 939524096
osd_class_load_list = *
osd_class_default_list = *
osd_crush_update_on_start = false
CONFIG

if [ -n "$new" ]; then
  # Every key goes into the monitor's first keyring, so that none has to be asked for later.
  osd_uuid=$(cat /proc/sys/kernel/random/uuid)
  {
    ceph-authtool --create-keyring "$D/mon.keyring" --gen-key -n mon. --cap mon 'allow *' &&
      ceph-authtool --create-keyring "$KEYRING" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *' --cap mgr 'allow *' &&
      ceph-authtool --create-keyring "$D/osd/keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap mgr 'allow profile osd' --cap osd 'allow *' &&
      ceph-authtool --create-keyring "$D/ceph.client.glance.keyring" --gen-key -n client.glance --cap mon 'profile rbd' --cap osd "profile rbd pool=$POOL$(for p in $MORE; do printf ', profile rbd pool=%s' "$p"; done)" &&
      for keyring in "$KEYRING" "$D/osd/keyring" "$D/ceph.client.glance.keyring"; do
        ceph-authtool "$D/mon.keyring" --import-keyring "$keyring" || exit 1
      done &&
      monmaptool --create --clobber --fsid "$FSID" --addv a "[v2:127.0.0.1:$((MON_PORT + 1)),v1:127.0.0.1:$MON_PORT]" --enable-all-features "$D/monmap" &&
      ceph-mon -c "$CONF" -i a --mkfs --monmap "$D/monmap" --keyring "$D/mon.keyring"
  } >"$D/log/setup.log" 2>&1 || die "the monitor cannot be set up: $(tail -n 3 "$D/log/setup.log")"
fi
spawn mon.a ceph-mon -c "$CONF" -i a -f
wait_for 120 "$D/run/mon.a.pid" port_open "$MON_PORT" || die "the monitor did not start: $(tail -n 3 "$D/log/mon.a.log")"

if [ -n "$new" ]; then
  # One session of the ceph client for all commands: each start of it costs half a second.
  ceph-osd -c "$CONF" -i 0 --mkfs --osd-uuid "$osd_uuid" >"$D/log/osd-mkfs.log" 2>&1 &
  mkfs=$!
  LIMIT=120 admin >>"$D/log/setup.log" 2>&1 <<COMMANDS || die "the cluster cannot be set up: $(tail -n 3 "$D/log/setup.log")"
osd create $osd_uuid
osd crush add osd.0 1.0 root=default host=localhost
$(for p in $POOL $MORE $OTHERS; do printf '%s\n' "osd pool create $p 8 8 replicated" "osd pool application enable $p rbd"; done)
COMMANDS
  wait "$mkfs" || die "ceph-osd --mkfs failed: $(tail -n 3 "$D/log/osd-mkfs.log")"
  touch "$D/osd/done"
fi
spawn osd.0 ceph-osd -c "$CONF" -i 0 -f
osd_is_up() { LIMIT=15 admin osd stat | grep -q '1 up'; }
wait_for 120 "$D/run/osd.0.pid" osd_is_up || die "the OSD did not start: $(tail -n 3 "$D/log/osd.0.log")"
# Blocks until the pool's placement groups are active.
timeout 120 rbd -c "$CONF" -k "$KEYRING" pool init "$POOL" >>"$D/log/setup.log" 2>&1 || die "the pool '$POOL' is not usable: $(tail -n 3 "$D/log/setup.log")"

cat <<SETTINGS
CEPH_CONF=$CONF
CEPH_POOL=$POOL
CEPH_USER=glance
CEPH_USER_KEYRING=$D/ceph.client.glance.keyring
CEPH_ADMIN_KEYRING=$KEYRING
CEPH_MON_HOST=127.0.0.1:$MON_PORT
CEPH_FSID=$FSID
SETTINGS
