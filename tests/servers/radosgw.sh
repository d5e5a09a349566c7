#!/usr/bin/env bash
# RadosGW: the S3 and the Swift API over HTTP and HTTPS on loopback, on a Ceph of its own in DIR/ceph.
#   radosgw.sh start DIR    prints its settings as KEY=VALUE; a second start after a kill serves the same objects
#   radosgw.sh stop DIR     ends it and its Ceph
# Settings: RGW_PORT, RGW_TLS_PORT, S3_SECRET_KEY, and those of ceph.sh. Parts of an upload may be as small as 64 KiB, so that few bytes make many.
HERE=$(dirname "$(realpath "$0")")
. "$HERE/common.sh"
parse "$@"
PORT=${RGW_PORT:?} TLS_PORT=${RGW_TLS_PORT:?} SECRET=${S3_SECRET_KEY:?} USER_NAME=client.rgw.a
PIDFILE=$D/run/radosgw.pid

if [ "$ACTION" = stop ]; then
  stop_pid "$PIDFILE" 5
  [ ! -d "$D/ceph" ] || "$HERE/ceph.sh" stop "$D/ceph"
  exit 0
fi

need_programs curl openssl radosgw radosgw-admin
stop_pid "$PIDFILE" 15
# Only the gateway was killed: what lies in an OSD's memory must stay.
if ! pid_alive "$D/ceph/run/osd.0.pid"; then
  "$HERE/ceph.sh" start "$D/ceph" >"$D/ceph.settings" || die "there is no cluster"
fi
mkdir -p "$D"/{run,log,rgw}
unset CEPH_KEYRING CEPH_ARGS
ADMIN=(-c "$D/ceph/ceph.conf" -k "$D/ceph/ceph.client.admin.keyring")
[ -f "$D/tls.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$D/tls.key" -out "$D/tls.pem" 2>"$D/log/setup.log" || die "no certificate: $(tail -n 3 "$D/log/setup.log")"
[ -f "$D/rgw/keyring" ] || timeout 20 ceph "${ADMIN[@]}" auth get-or-create $USER_NAME mon 'allow rw' osd 'allow rwx' -o "$D/rgw/keyring" >>"$D/log/setup.log" 2>&1 ||
  die "no key for the gateway: $(tail -n 3 "$D/log/setup.log")"
spawn radosgw radosgw -c "$D/ceph/ceph.conf" -n $USER_NAME -k "$D/rgw/keyring" --no-mon-config -f --log_file="$D/log/access.log" \
  --rgw_data="$D/rgw" --rgw_enable_usage_log=false --rgw_enable_ops_log=false --rgw_thread_pool_size=64 \
  --rgw_frontends="beast endpoint=127.0.0.1:$PORT ssl_endpoint=127.0.0.1:$TLS_PORT ssl_certificate=$D/tls.pem ssl_private_key=$D/tls.key" \
  --osd_pool_default_pg_num=2 --rgw_rados_pool_pg_num_min=2 --rgw_gc_obj_min_wait=10 --rgw_gc_processor_period=10 \
  --rgw_multipart_min_part_size=65536 --rgw_override_bucket_index_max_shards=1
answers() { [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "http://127.0.0.1:$PORT/")" = 200 ]; }
wait_for 90 "$PIDFILE" answers || die "radosgw did not start: $(tail -n 3 "$D/log/radosgw.log")"
if [ ! -f "$D/users" ]; then
  {
    timeout 40 radosgw-admin "${ADMIN[@]}" user create --uid=glance --display-name=Glance --max-buckets=100000 --access-key=glanceaccess --secret-key="$SECRET" &&
      timeout 40 radosgw-admin "${ADMIN[@]}" subuser create --uid=glance --subuser=glance:swift --access=full --key-type=swift --secret-key="$SECRET"
  } >>"$D/log/setup.log" 2>&1 || die "no users: $(tail -n 3 "$D/log/setup.log")"
  touch "$D/users"
fi

cat <<SETTINGS
S3_ENDPOINT=http://127.0.0.1:$PORT
S3_TLS_ENDPOINT=https://127.0.0.1:$TLS_PORT
S3_CA_FILE=$D/tls.pem
S3_ACCESS_KEY=glanceaccess
S3_LOG=$D/log/access.log
SWIFT_AUTH_URL=http://127.0.0.1:$PORT/auth/v1.0
SWIFT_USER=glance:swift
SWIFT_STORAGE_URL=http://127.0.0.1:$PORT/swift/v1
SETTINGS
