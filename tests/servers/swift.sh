#!/usr/bin/env bash
# OpenStack Swift, all in one, on loopback: proxy, account, container and object server, one device, one replica, tempauth, memcached. As root.
#   swift.sh start DIR    prints its settings as KEY=VALUE; a second start after a stop or kill serves the same objects
#   swift.sh stop DIR     ends it
# Settings: SWIFT_PORT_BASE (proxy, then object, container, account, memcached), SWIFT_KEY, SWIFT_MAX_FILE_SIZE (5368709122),
# SWIFT_TOKEN_LIFE (seconds, 86400), SWIFT_KEYSTONE_URL and SWIFT_KEYSTONE_PASSWORD (adds Keystone, as user swift of project service).
# DIR lies on a file system with user extended attributes (ext4, xfs, btrfs).
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
B=${SWIFT_PORT_BASE:?} KEY=${SWIFT_KEY:-}
SERVERS="proxy object container account memcached"

if [ "$ACTION" = stop ]; then
  for s in $SERVERS; do stop_pid "$D/run/$s.pid" 10; done
  exit 0
fi

need_programs curl memcached swift-proxy-server swift-account-server swift-container-server swift-object-server
[ -n "$KEY" ] || die "SWIFT_KEY is not set"
for s in $SERVERS; do stop_pid "$D/run/$s.pid" 10; done
mkdir -p "$D"/{run,log,etc,cache,devices/d1}

[ -f "$D/etc/swift.conf" ] || cat >"$D/etc/swift.conf" <<CONFIG
[swift-hash]
swift_hash_path_prefix = $(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
swift_hash_path_suffix = $(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')

[swift-constraints]
max_file_size = ${SWIFT_MAX_FILE_SIZE:-5368709122}

[storage-policy:0]
name = Policy-0
default = yes
CONFIG
n=1
for s in object container account; do
  cat >"$D/etc/$s-server.conf" <<CONFIG
[DEFAULT]
swift_dir = $D/etc
devices = $D/devices
mount_check = false
bind_ip = 127.0.0.1
bind_port = $((B + n))
workers = 0
user = root
recon_cache_path = $D/cache
fallocate_reserve = 0
log_level = WARNING
log_udp_host =
eventlet_debug = false

[pipeline:main]
pipeline = $s-server

[app:$s-server]
use = egg:swift#$s
replication_server = false
# A test's data need not outlive a power cut.
mb_per_sync = 4096
CONFIG
  n=$((n + 1))
done
if [ ! -f "$D/etc/account.ring.gz" ]; then
  # What 'swift-ring-builder create, add, rebalance' does for each of the three rings, in one process.
  /usr/bin/python3 - "$D/etc" "$B" >>"$D/log/setup.log" 2>&1 <<'RINGS' || die "no rings: $(tail -n 3 "$D/log/setup.log")"
import sys
from swift.common.ring import RingBuilder
for i, name in enumerate(('object', 'container', 'account'), 1):
    port = int(sys.argv[2]) + i
    b = RingBuilder(6, 1, 1)
    b.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': port, 'device': 'd1', 'weight': 1.0,
               'replication_ip': '127.0.0.1', 'replication_port': port, 'meta': ''})
    b.rebalance()
    b.save(f'{sys.argv[1]}/{name}.builder')
    b.get_ring().save(f'{sys.argv[1]}/{name}.ring.gz')
RINGS
fi
KEYSTONE_PIPE='' KEYSTONE=''
if [ -n "${SWIFT_KEYSTONE_URL:-}" ]; then
  KEYSTONE_PIPE="authtoken keystoneauth"
  KEYSTONE="[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = $SWIFT_KEYSTONE_URL
auth_url = $SWIFT_KEYSTONE_URL
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = ${SWIFT_KEYSTONE_PASSWORD:?}
delay_auth_decision = True
cache = swift.cache
include_service_catalog = False

[filter:keystoneauth]
use = egg:swift#keystoneauth
reseller_prefix = KEY
operator_roles = admin, member
reseller_admin_role = ResellerAdmin"
fi
cat >"$D/etc/proxy-server.conf" <<CONFIG
[DEFAULT]
swift_dir = $D/etc
bind_ip = 127.0.0.1
bind_port = $B
workers = 0
user = root
log_level = WARNING
log_udp_host =

[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats bulk $KEYSTONE_PIPE tempauth copy container_quotas slo dlo symlink proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
node_timeout = 60
recoverable_node_timeout = 60
conn_timeout = 5

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((B + 4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:tempauth]
use = egg:swift#tempauth
reseller_prefix = AUTH
token_life = ${SWIFT_TOKEN_LIFE:-86400}
user_glance_glance = $KEY .admin
user_glance_reader = $KEY
user_glance_reseller = $KEY .admin .reseller_admin
user_demo_demo = $KEY .admin
[filter:copy]
use = egg:swift#copy
[filter:container_quotas]
use = egg:swift#container_quotas
[filter:slo]
use = egg:swift#slo
min_segment_size = 1
[filter:dlo]
use = egg:swift#dlo
[filter:symlink]
use = egg:swift#symlink

$KEYSTONE
CONFIG
spawn memcached memcached -u nobody -l 127.0.0.1 -p $((B + 4)) -U 0 -m 32
# The servers read limits from /etc/swift/swift.conf whatever swift_dir says: tell them before they start.
RUN='import sys, runpy, swift.common.utils as u
u.SWIFT_CONF_FILE = sys.argv[1]
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")'
for s in account container object proxy; do
  spawn $s /usr/bin/python3 -c "$RUN" "$D/etc/swift.conf" "$(command -v "swift-$s-server")" "$D/etc/$s-server.conf"
done
n=1
for s in object container account; do
  wait_for 60 "$D/run/$s.pid" port_open $((B + n)) || die "the $s server did not start: $(tail -n 3 "$D/log/$s.log")"
  n=$((n + 1))
done
ready() { [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' -H 'X-Auth-User: glance:glance' -H "X-Auth-Key: $KEY" "http://127.0.0.1:$B/auth/v1.0")" = 200 ]; }
wait_for 60 "$D/run/proxy.pid" ready || die "the proxy did not start: $(tail -n 3 "$D/log/proxy.log")"

cat <<SETTINGS
SWIFT_AUTH_URL=http://127.0.0.1:$B/auth/v1.0
SWIFT_USER=glance:glance
SWIFT_STORAGE_URL=http://127.0.0.1:$B/v1/AUTH_glance
SETTINGS
