#!/usr/bin/env bash
# s3_swift.sh - a real, self-contained S3 endpoint for a test suite:
# OpenStack Swift (proxy + account + container + object servers, tempauth, s3api)
# installed with pip into one directory and run on loopback.
#
#   s3_swift.sh install|start|stop|kill9|restart|status|env|wipe|uninstall [DIR]
#   s3_swift.sh DIR install|start|...            (same; DIR first is accepted too)
#
# DIR defaults to $SWIFT_HOME. Everything lives under DIR: venv, config, rings,
# data, logs, pid files. Nothing is read from /etc/swift, nothing needs root,
# systemd, memcached, rsync, syslog or a loop device.
#
# Environment (all optional):
#   SWIFT_HOME            the directory, when not given as an argument
#   SWIFT_INSTALL         a directory that was installed before: start uses its venv, with data of DIR's own (DIR)
#   SWIFT_PORT            S3 port on loopback                    (8333)
#   SWIFT_BACKEND_PORT    first of 3 consecutive backend ports   (SWIFT_PORT+10000)
#   SWIFT_ACCESS_KEY      must look like account:user            (test:tester)
#   SWIFT_SECRET_KEY                                             (testing-secret)
#   SWIFT_ACCESS_KEY2/SWIFT_SECRET_KEY2  a second, separate tenant (other:tester2 / other-secret)
#   SWIFT_REGION                                                 (us-east-1)
#   SWIFT_CORS_ORIGINS    comma separated origins, or *          (http://localhost:8085,http://127.0.0.1:8085)
#   SWIFT_REPLICAS        1 or 3 copies, on directories d1..dN   (1)
#   SWIFT_WORKERS         forked workers for proxy and object server; 0 = one process each (0)
#   SWIFT_SHIM            1: put the small s3shim filter before s3api (see s3shim.py below); 0: bare Swift (1)
#   SWIFT_PYTHON          python used to make the venv           (python3)
#   SWIFT_START_TIMEOUT   seconds to wait for the ports          (60)
#   SWIFT_LOG_LEVEL       WARNING, INFO (one line per request), DEBUG   (WARNING)
# The settings of the first `start` are rendered again at every `start`, except
# the rings and the hash suffix, which belong to the data (use `wipe` to reset).
set -euo pipefail

PROG=$(basename "$0")
usage() { sed -n '2,34p' "$0" | sed 's/^# \{0,1\}//'; exit 64; }
is_cmd() { case "${1:-}" in install|start|stop|kill9|restart|status|env|wipe|uninstall) return 0;; *) return 1;; esac; }

if   is_cmd "${1:-}"; then CMD=$1; HOME_DIR=${2:-${SWIFT_HOME:-}}
elif is_cmd "${2:-}"; then CMD=$2; HOME_DIR=$1
else usage; fi
[ -n "$HOME_DIR" ] || { echo "$PROG: give a directory, or set SWIFT_HOME" >&2; exit 64; }
case "$HOME_DIR" in /*) ;; *) HOME_DIR=$PWD/$HOME_DIR;; esac
case "$HOME_DIR" in *[!A-Za-z0-9/._-]*) echo "$PROG: directory name has odd characters: $HOME_DIR" >&2; exit 64;; esac
H=${HOME_DIR%/}
[ -n "$H" ] || { echo "$PROG: refusing / as directory" >&2; exit 64; }

PORT=${SWIFT_PORT:-8333}
BPORT=${SWIFT_BACKEND_PORT:-$((PORT + 10000))}
PORT_OBJ=$BPORT; PORT_CON=$((BPORT + 1)); PORT_ACC=$((BPORT + 2))
AK=${SWIFT_ACCESS_KEY:-test:tester};    SK=${SWIFT_SECRET_KEY:-testing-secret}
AK2=${SWIFT_ACCESS_KEY2:-other:tester2}; SK2=${SWIFT_SECRET_KEY2:-other-secret}
REGION=${SWIFT_REGION:-us-east-1}
CORS=${SWIFT_CORS_ORIGINS:-http://localhost:8085,http://127.0.0.1:8085}
REPLICAS=${SWIFT_REPLICAS:-1}
WORKERS=${SWIFT_WORKERS:-0}
SHIM=${SWIFT_SHIM:-1}
PY=${SWIFT_PYTHON:-python3}
TIMEOUT=${SWIFT_START_TIMEOUT:-60}
LOG_LEVEL=${SWIFT_LOG_LEVEL:-WARNING}
I=${SWIFT_INSTALL:-$H}
case "$I" in /*) ;; *) I=$PWD/$I;; esac
VENV=$I/venv; ETC=$H/etc; DATA=$H/data; LOG=$H/log; RUN=$H/run; CACHE=$H/cache
# started in this order, stopped in the reverse order
SERVICES="object-server container-server account-server proxy-server object-updater container-updater"

# Exact versions this script was tested with (Python 3.11, Debian 12, x86-64; all wheels
# but swift's own are binary wheels, pyeclib's carries liberasurecode inside).
REQUIREMENTS='swift==2.38.3
pyeclib==1.8.0
eventlet==0.41.3
greenlet==3.5.6
PasteDeploy==3.1.0
lxml==6.1.3
xattr==1.3.0
cryptography==50.0.2
cffi==2.1.1
pycparser==3.12
dnspython==2.9.2
requests==2.34.2
urllib3==2.8.0
idna==3.20
certifi==2026.10.18
charset-normalizer==3.5.2
setuptools==65.5.0'

die() { echo "$PROG: $*" >&2; exit 1; }

cmd_install() {
  mkdir -p "$I"
  local want have=""
  want=$(printf '%s\n' "$REQUIREMENTS" | sha256sum | cut -d' ' -f1)
  [ -f "$I/.installed" ] && have=$(cat "$I/.installed")
  if [ "$want" = "$have" ] && "$VENV/bin/python" -c 'import swift, pyeclib.ec_iface' 2>/dev/null; then
    echo "already installed: $VENV (swift $("$VENV/bin/python" -c 'import swift; print(swift.__version__)'))"; return 0
  fi
  rm -f "$I/.installed"
  "$PY" -m venv --clear "$VENV" || die "cannot make a venv (Debian: apt-get install python3-venv)"
  printf '%s\n' "$REQUIREMENTS" > "$I/requirements.txt"
  "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$I/requirements.txt" 2> "$I/pip.err" \
    || { cat "$I/pip.err" >&2; die "pip install failed"; }
  "$VENV/bin/python" -m pip check --disable-pip-version-check >/dev/null 2>&1 || die "pip check found a conflict"
  "$VENV/bin/python" - <<'P' || die "Swift does not import"
import swift, pyeclib.ec_iface, swift.proxy.server, swift.common.middleware.s3api.s3api
P
  echo "$want" > "$I/.installed"
  echo "installed: swift $("$VENV/bin/python" -c 'import swift; print(swift.__version__)') in $VENV"
}

user_line() { # account:user secret -> tempauth line; base64 form, so any character is allowed
  local acc=${1%%:*} usr=${1#*:}
  [ "$acc" != "$1" ] && [ -n "$acc" ] && [ -n "$usr" ] || die "access key must look like account:user, not '$1'"
  case "$2" in ''|*[!A-Za-z0-9/+=_.~-]*) die "secret keys may hold A-Z a-z 0-9 / + = _ . ~ - only";; esac
  printf 'user64_%s_%s = %s .admin\n' \
    "$(printf %s "$acc" | base64 -w0 | tr -d =)" "$(printf %s "$usr" | base64 -w0 | tr -d =)" "$2"
}

put() { # write a file only when its content changes
  local tmp; tmp=$(mktemp "$ETC/.tmp.XXXXXX"); cat > "$tmp"; chmod 600 "$tmp"
  if cmp -s "$tmp" "$1" 2>/dev/null; then rm -f "$tmp"; else mv -f "$tmp" "$1"; fi
}

render() {
  local me; me=$(id -un)
  mkdir -p "$ETC" "$LOG" "$RUN" "$CACHE"; chmod 700 "$ETC"
  local i; for i in $(seq 1 "$REPLICAS"); do mkdir -p "$DATA/d$i"; done
  "$VENV/bin/python" - "$DATA/d1" <<'P' || die "the filesystem of $DATA has no user xattrs (ext4, xfs, btrfs and tmpfs have)"
import os, sys
p = os.path.join(sys.argv[1], '.xattr-probe'); open(p, 'w').close()
try: os.setxattr(p, 'user.swift.probe', b'x' * 3000)
except OSError as e: sys.exit('xattr: %s' % e)
finally: os.unlink(p)
P
  [ -f "$ETC/hash" ] || "$VENV/bin/python" -c 'import secrets; print(secrets.token_hex(16))' > "$ETC/hash"

  put "$ETC/swift.conf" <<C
[swift-hash]
swift_hash_path_suffix = $(cat "$ETC/hash")

[storage-policy:0]
name = Policy-0
default = yes

[swift-constraints]
# S3 allows 2 KiB of user metadata in all; Swift's default is 256 bytes a value
max_meta_value_length = 2048
C

  local common="bind_ip = 127.0.0.1
swift_dir = $ETC
user = $me
log_level = $LOG_LEVEL
log_address = $RUN/no-syslog
backlog = 4096
fallocate_reserve = 0
"
  # One copy means nobody answers in its place: wait for a slow backend, never fail fast.
  local backend="devices = $DATA
mount_check = false
recon_cache_path = $CACHE
conn_timeout = 20
node_timeout = 60
"
  put "$ETC/proxy-server.conf" <<C
[DEFAULT]
$common
bind_port = $PORT
workers = $WORKERS
max_clients = 1024
cors_allow_origin = $CORS
strict_cors_mode = true
cors_expose_headers = etag, x-amz-request-id, x-amz-id-2, x-amz-version-id, content-range, accept-ranges

[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging listing_formats bulk$([ "$SHIM" = 0 ] || echo " s3shim") s3api tempauth copy slo dlo versioned_writes symlink proxy-logging proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = false
conn_timeout = 20
node_timeout = 120
recoverable_node_timeout = 60
client_timeout = 120
object_chunk_size = 262144
client_chunk_size = 262144
# never blacklist the only backend
error_suppression_limit = 1000000
error_suppression_interval = 1

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3shim]
paste.filter_factory = s3shim:filter_factory
cors_allow_origin = $CORS
[filter:s3api]
use = egg:swift#s3api
location = $REGION
s3_acl = false
dns_compliant_bucket_names = true
check_bucket_owner = false
max_upload_part_num = 10000
max_multi_delete_objects = 1000
multi_delete_concurrency = 4
cors_preflight_allow_origin = $CORS
[filter:tempauth]
use = egg:swift#tempauth
$(user_line "$AK" "$SK")
$(user_line "$AK2" "$SK2")
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
max_manifest_size = 8388608
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
C

  put "$ETC/object-server.conf" <<C
[DEFAULT]
$common$backend
bind_port = $PORT_OBJ
workers = $WORKERS
# a listing shows an object as soon as its PUT is acknowledged
container_update_timeout = 60
network_chunk_size = 262144
disk_chunk_size = 262144

[pipeline:main]
pipeline = healthcheck object-server

[app:object-server]
use = egg:swift#object

[filter:healthcheck]
use = egg:swift#healthcheck

[object-updater]
interval = 10
concurrency = 1
updater_workers = 1
C

  put "$ETC/container-server.conf" <<C
[DEFAULT]
$common$backend
bind_port = $PORT_CON
workers = 0
db_preallocation = off

[pipeline:main]
pipeline = healthcheck container-server

[app:container-server]
use = egg:swift#container

[filter:healthcheck]
use = egg:swift#healthcheck

[container-updater]
interval = 10
concurrency = 1
C

  put "$ETC/account-server.conf" <<C
[DEFAULT]
$common$backend
bind_port = $PORT_ACC
workers = 0
db_preallocation = off

[pipeline:main]
pipeline = healthcheck account-server

[app:account-server]
use = egg:swift#account

[filter:healthcheck]
use = egg:swift#healthcheck
C

  put "$ETC/s3shim.py" <<'C'
"""What plain Swift does differently from AWS S3 and a test suite stumbles over:
1. unsigned requests get S3's 403 AccessDenied (Swift takes them for its own API: 400/412, HTML);
   the Swift-native API (/v1, /auth, /info) is closed with it;
2. PUT with If-None-Match: * has exactly one winner (Swift checks before it writes, so racing
   creators can both win): conditional PUTs of one path take turns. Holds in one proxy process;
3. account and container info is cached for a few seconds (Swift uses memcached for that). The
   cache is in the one process every request passes through, which also invalidates it."""
import os, time
from urllib.parse import parse_qs
from eventlet.semaphore import Semaphore

DENIED = (b"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>AccessDenied</Code>"
          b"<Message>Access Denied.</Message></Error>")


class Cache(object):
    def __init__(self): self.d = {}
    def get(self, key, default=None, raise_on_error=False, **kw):
        v = self.d.get(key)
        if v is None: return None
        if v[0] and v[0] < time.time():
            self.d.pop(key, None); return None
        return v[1]
    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False, **kw):
        import time as t
        if len(self.d) > 5000: self.d.clear()
        self.d[key] = (t.time() + min(time, 10) if time else 0, value)
    def incr(self, key, delta=1, time=0, **kw):
        v = max(0, int(self.get(key) or 0) + int(delta)); self.set(key, v, time=time); return v
    def decr(self, key, delta=1, time=0, **kw): return self.incr(key, -int(delta), time=time)
    def delete(self, key, server_key=None, **kw): self.d.pop(key, None)
    def set_multi(self, mapping, server_key=None, serialize=True, time=0, **kw):
        for k, v in mapping.items(): self.set(k, v, time=time)
    def get_multi(self, keys, server_key=None, raise_on_error=False): return [self.get(k) for k in keys]


class Shim(object):
    def __init__(self, app, conf):
        self.app, self.locks = app, {}
        self.origins = [o.strip() for o in conf.get('cors_allow_origin', '').split(',') if o.strip()]
        self.cache = Cache() if os.environ.get('SWIFT_FORKED') != '1' else None

    def denied(self, env, start_response):
        headers = [('Content-Type', 'application/xml'), ('Content-Length', str(len(DENIED)))]
        origin = env.get('HTTP_ORIGIN')
        if origin and ('*' in self.origins or origin in self.origins):
            headers += [('Access-Control-Allow-Origin', origin), ('Vary', 'Origin')]
        start_response('403 Forbidden', headers)
        return [b'' if env['REQUEST_METHOD'] == 'HEAD' else DENIED]

    def __call__(self, env, start_response):
        if self.cache is not None: env['swift.cache'] = self.cache
        if env['REQUEST_METHOD'] != 'OPTIONS':
            signed = env.get('HTTP_AUTHORIZATION', '').startswith(('AWS ', 'AWS4-HMAC-SHA256 '))
            if not signed:
                q = parse_qs(env.get('QUERY_STRING', ''))
                signed = 'X-Amz-Credential' in q or 'AWSAccessKeyId' in q
            if not signed: return self.denied(env, start_response)
        if env['REQUEST_METHOD'] != 'PUT' or not env.get('HTTP_IF_NONE_MATCH'):
            return self.app(env, start_response)
        path = env['PATH_INFO']
        lock = self.locks.setdefault(path, [Semaphore(1), 0])
        lock[1] += 1
        try:
            with lock[0]: return self.app(env, start_response)   # a PUT is complete when the app returns
        finally:
            lock[1] -= 1
            if not lock[1]: self.locks.pop(path, None)


def filter_factory(global_conf, **local_conf):
    conf = dict(global_conf, **local_conf)
    return lambda app: Shim(app, conf)
C

  # Daemons do not honour swift_dir for swift.conf by themselves, hence this launcher.
  put "$ETC/launch.py" <<'C'
import os, sys
etc, service = sys.argv[1], sys.argv[2]
from swift.common import utils
utils.set_swift_dir(etc)          # before storage_policy is imported
import importlib.metadata as md, runpy, shutil
conf = os.path.join(etc, {'object-updater': 'object-server',
                          'container-updater': 'container-server'}.get(service, service) + '.conf')
sys.argv = ['swift-' + service, conf, '-v']   # -v: log to stderr
ep = [e for e in md.distribution('swift').entry_points if e.name == 'swift-' + service]
if ep: sys.exit(ep[0].load()())
runpy.run_path(shutil.which('swift-' + service), run_name='__main__')   # Swift before 2.33, e.g. Debian's
C

  # rings: 16 partitions, one directory a replica; ports are part of the ring
  local stamp="$REPLICAS $PORT_OBJ $PORT_CON $PORT_ACC"
  if [ "$(cat "$ETC/ring.stamp" 2>/dev/null)" != "$stamp" ]; then
    if [ -f "$ETC/ring.stamp" ] && [ "$(cut -d' ' -f1 "$ETC/ring.stamp")" != "$REPLICAS" ]; then
      die "the data were made with $(cut -d' ' -f1 "$ETC/ring.stamp") replica(s); wipe first to use $REPLICAS"
    fi
    rm -f "$ETC"/*.builder "$ETC"/*.ring.gz
    "$VENV/bin/python" - "$ETC" "$REPLICAS" "object:$PORT_OBJ" "container:$PORT_CON" "account:$PORT_ACC" <<'P' || die "cannot build the rings"
import sys
from swift.common.ring import RingBuilder
etc, replicas = sys.argv[1], int(sys.argv[2])
for arg in sys.argv[3:]:
    name, port = arg.split(':')
    b = RingBuilder(4, replicas, 0)     # 2**4 partitions
    for i in range(1, replicas + 1):
        b.add_dev({'region': 1, 'zone': i, 'ip': '127.0.0.1', 'port': int(port), 'device': 'd%d' % i, 'weight': 1.0,
                   'replication_ip': '127.0.0.1', 'replication_port': int(port), 'meta': ''})
    b.rebalance(seed='1'); b.validate()
    b.get_ring().save('%s/%s.ring.gz' % (etc, name)); b.save('%s/%s.builder' % (etc, name))
P
    echo "$stamp" > "$ETC/ring.stamp"
  fi
}

# --- processes ---------------------------------------------------------------
pid_of() { # prints the pid when it is alive and really is our service
  local f=$RUN/$1.pid pid
  [ -f "$f" ] || return 1
  pid=$(cat "$f"); [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
  tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF "$ETC/launch.py $ETC $1 " || return 1
  echo "$pid"
}

kids_of() { # pids of the forked workers of $1 (recursively not needed: Swift forks once)
  cat "/proc/$1/task/$1/children" 2>/dev/null || true
}

port_up() { "$VENV/bin/python" - "$1" <<'P' 2>/dev/null
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=2)
c.request('GET', '/healthcheck'); r = c.getresponse()
sys.exit(0 if r.status == 200 and r.read() == b'OK' else 1)
P
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

launch() {
  local s=$1 pid
  # PYTHONDONTWRITEBYTECODE off: byte code makes the second start faster
  env -u NOTIFY_SOCKET -u PYTHONPATH -u PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED=1 LC_ALL=C.UTF-8 \
    SWIFT_FORKED=$([ "$WORKERS" -gt 1 ] && echo 1 || echo 0) \
    setsid "$VENV/bin/python" "$ETC/launch.py" "$ETC" "$s" </dev/null >>"$LOG/$s.log" 2>&1 9>&- &
  pid=$!
  echo "$pid" > "$RUN/$s.pid"
}

cmd_start() {
  [ -f "$I/.installed" ] || cmd_install >&2
  local s p up=0 n=0
  for s in $SERVICES; do n=$((n + 1)); pid_of "$s" >/dev/null && up=$((up + 1)); done
  if [ $up -eq $n ]; then echo "already running"; cmd_env; return 0; fi
  if [ $up -ne 0 ]; then echo "$PROG: $up of $n processes run; stopping them first" >&2; cmd_stop >&2; fi
  render
  for p in "$PORT" "$PORT_OBJ" "$PORT_CON" "$PORT_ACC"; do
    ! port_taken "$p" || die "port $p is taken by another program"
  done
  for s in $SERVICES; do launch "$s"; done
  local t0=$SECONDS
  for p in "$PORT_ACC" "$PORT_CON" "$PORT_OBJ" "$PORT"; do
    until port_up "$p"; do
      for s in $SERVICES; do
        pid_of "$s" >/dev/null || {
          sleep 0.2   # just after the fork, exec may not have happened yet
          pid_of "$s" >/dev/null || { tail -n 15 "$LOG/$s.log" >&2; cmd_stop >&2; die "$s did not start"; }; }
      done
      [ $((SECONDS - t0)) -lt "$TIMEOUT" ] || { cmd_stop >&2; die "port $p did not answer in $TIMEOUT s (logs in $LOG)"; }
      sleep 0.1
    done
  done
  echo "started"
  cmd_env
}

cmd_stop() {
  local s pid all="" i alive
  for s in $(printf '%s\n' $SERVICES | tac); do
    pid=$(pid_of "$s") || { rm -f "$RUN/$s.pid"; continue; }
    all="$all $pid $(kids_of "$pid")"
    kill -TERM "$pid" 2>/dev/null || true
  done
  [ -n "$all" ] || { echo "not running"; return 0; }
  for i in $(seq 1 100); do
    alive=""
    for pid in $all; do
      # a zombie (no parent to reap it in some containers) counts as gone
      [ -r "/proc/$pid/stat" ] && ! grep -qE '^State:[[:space:]]+Z' "/proc/$pid/status" 2>/dev/null && alive="$alive $pid"
    done
    [ -n "$alive" ] || break
    [ "$i" -ne 70 ] || for pid in $alive; do kill -KILL "$pid" 2>/dev/null || true; done
    sleep 0.1
  done
  for s in $SERVICES; do rm -f "$RUN/$s.pid"; done
  [ -z "$alive" ] || die "still alive:$alive"
  echo "stopped"
}

cmd_kill9() { # a crash: SIGKILL to every process of the store at once, for durability tests
  local s pid all=""
  for s in $SERVICES; do pid=$(pid_of "$s") && all="$all $pid $(kids_of "$pid")" || true; done
  [ -n "$all" ] || { echo "not running"; return 0; }
  kill -KILL $all 2>/dev/null || true
  for pid in $all; do
    while [ -r "/proc/$pid/stat" ] && ! grep -qE '^State:[[:space:]]+Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.02; done
  done
  for s in $SERVICES; do rm -f "$RUN/$s.pid"; done
  echo "killed:$all"
}

cmd_status() {
  local s pid k rc=0 up=0 rss total=0
  for s in $SERVICES; do
    if pid=$(pid_of "$s"); then
      up=$((up + 1)); rss=0
      for k in $pid $(kids_of "$pid"); do
        rss=$((rss + $(awk '/^Pss:/{print $2}' "/proc/$k/smaps_rollup" 2>/dev/null || echo 0)))
      done
      total=$((total + rss)); printf '%-18s running pid %-7s %5d MiB\n' "$s" "$pid" $((rss / 1024))
    else printf '%-18s stopped\n' "$s"; rc=3; fi
  done
  [ $up -eq 0 ] || printf '%-18s %d MiB (proportional set size)\n' total $((total / 1024))
  if [ $rc -eq 0 ]; then port_up "$PORT" && echo "healthy: http://127.0.0.1:$PORT" || { echo "port $PORT does not answer"; rc=1; }; fi
  return $rc
}

cmd_env() { # eval-able
  cat <<E
S3_ENDPOINT=127.0.0.1:$PORT
S3_ENDPOINT_URL=http://127.0.0.1:$PORT
S3_ACCESS_KEY=$AK
S3_SECRET_KEY=$SK
S3_ACCESS_KEY2=$AK2
S3_SECRET_KEY2=$SK2
S3_REGION=$REGION
S3_SECURE=0
E
}

cmd_wipe() { cmd_stop; rm -rf "$DATA" "$ETC" "$CACHE" "$LOG" "$RUN"; echo "wiped data and config (venv kept)"; }
cmd_uninstall() { cmd_stop; rm -rf "$DATA" "$ETC" "$CACHE" "$LOG" "$RUN" "$H/venv" "$H/.installed" "$H/requirements.txt" "$H/pip.err" "$H/.lock"; rmdir "$H" 2>/dev/null || true; echo "removed"; }

case $CMD in install|start|stop|kill9|restart|wipe|uninstall)   # one at a time in one directory
  mkdir -p "$H"; exec 9>"$H/.lock"; flock -w 180 9 || die "another $PROG is at work in $H";;
esac
case $CMD in
  restart) cmd_stop; cmd_start;;
  *) "cmd_$CMD";;
esac
