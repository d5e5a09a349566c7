#!/usr/bin/env bash
# nginx on loopback: a directory over HTTP and HTTPS with ranges, without, behind a password, behind redirects, and servers that fail. As root.
#   http.sh start DIR    prints its settings as KEY=VALUE; what lies in DIR/files is served
#   http.sh stop DIR     ends it
# Settings: HTTP_PORT, HTTPS_PORT, HTTP_PASSWORD.
. "$(dirname "$(realpath "$0")")/common.sh"
parse "$@"
PORT=${HTTP_PORT:?} TLS_PORT=${HTTPS_PORT:?} PASSWORD=${HTTP_PASSWORD:-}
PIDFILE=$D/run/nginx.pid

if [ "$ACTION" = stop ]; then
  stop_pid "$PIDFILE" 5
  exit 0
fi

need_programs nginx openssl
stop_pid "$PIDFILE" 5
mkdir -p "$D"/{run,log,files,tmp}
if [ ! -f "$D/server.pem" ]; then
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=Test authority' -keyout "$D/ca.key" -out "$D/ca.pem" \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign &&
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -keyout "$D/server.key" -out "$D/server.csr" &&
      openssl x509 -req -in "$D/server.csr" -CA "$D/ca.pem" -CAkey "$D/ca.key" -CAcreateserial -days 2 -out "$D/server.pem" \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n')
  } >"$D/log/setup.log" 2>&1 || die "no certificate: $(tail -n 3 "$D/log/setup.log")"
fi
printf 'glance:%s\n' "$(openssl passwd -apr1 -stdin <<<"$PASSWORD")" >"$D/htpasswd"
cat >"$D/nginx.conf" <<CONFIG
daemon off;
worker_processes 1;
user root;
pid $D/run/nginx-own.pid;
error_log $D/log/error.log warn;
events { worker_connections 1024; }
http {
  log_format full '\$request|\$status|\$http_range|\$http_if_range|\$http_authorization|\$http_user_agent';
  access_log $D/log/access.log full;
  default_type application/octet-stream;
  sendfile on;
  client_body_temp_path $D/tmp/body;
  proxy_temp_path $D/tmp/proxy;
  fastcgi_temp_path $D/tmp/fastcgi;
  uwsgi_temp_path $D/tmp/uwsgi;
  scgi_temp_path $D/tmp/scgi;
  server {
    listen 127.0.0.1:$PORT;
    listen 127.0.0.1:$TLS_PORT ssl;
    ssl_certificate $D/server.pem;
    ssl_certificate_key $D/server.key;
    root $D/files;
    location /norange/ { alias $D/files/; max_ranges 0; }
    location /untagged/ { alias $D/files/; etag off; }
    location /private/ { alias $D/files/; auth_basic test; auth_basic_user_file $D/htpasswd; }
    location /redirect/ { absolute_redirect off; rewrite ^/redirect/(.*)\$ /\$1 redirect; }
    location /tls/ { return 302 https://127.0.0.1:$TLS_PORT/private/sample; }
    location = /loop { return 302 /loop; }
    location = /error { return 503; }
    location = /forbidden { return 403; }
    location = /teapot { return 418; }
    location /slow/ { alias $D/files/; limit_rate 64k; limit_rate_after 128k; }
  }
}
CONFIG
nginx -t -q -c "$D/nginx.conf" -p "$D" >>"$D/log/setup.log" 2>&1 || die "nginx refuses its configuration: $(tail -n 3 "$D/log/setup.log")"
spawn nginx nginx -c "$D/nginx.conf" -p "$D"
wait_for 10 "$PIDFILE" port_open "$TLS_PORT" || die "nginx did not start: $(tail -n 3 "$D/log/error.log")"

cat <<SETTINGS
HTTP_URL=http://127.0.0.1:$PORT
HTTPS_URL=https://127.0.0.1:$TLS_PORT
HTTP_CA_FILE=$D/ca.pem
HTTP_FILES=$D/files
HTTP_USER=glance
HTTP_LOG=$D/log/access.log
SETTINGS
