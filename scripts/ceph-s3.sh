#!/usr/bin/env bash
# A single-node Ceph with its S3 gateway (RGW) as a throw-away S3 server on 127.0.0.1, for tests: Debian 12 packages, no systemd.
#   apt-get install -y --no-install-recommends ceph-mon ceph-osd radosgw ceph-common
#   scripts/ceph-s3.sh start|stop|restart|status|wipe      environment: CEPH_DIR PORT MON_PORT STORE=memstore|bluestore ACCESS SECRET
set -euo pipefail
D=${CEPH_DIR:-${TMPDIR:-/tmp}/ceph-s3}; PORT=${PORT:-8480}; STORE=${STORE:-bluestore}; ACCESS=${ACCESS:-testaccess}; SECRET=${SECRET:-testsecret}
MON=${MON_PORT:-16789}; export CEPH_CONF=$D/ceph.conf
pid() { cat "$D/$1.pid" 2>/dev/null || true; }
alive() { local p; p=$(pid "$1"); [ -n "$p" ] && kill -0 "$p" 2>/dev/null; }
wait_for() { local n=$1; shift; for _ in $(seq 1 "$n"); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done; echo "timeout: $*" >&2; return 1; }
conf() {
  mkdir -p "$D"/{run,log,mon,osd}
  [ -f "$D/fsid" ] || cat /proc/sys/kernel/random/uuid > "$D/fsid"
  cat > "$D/ceph.conf" <<C
[global]
fsid = $(cat "$D/fsid")
mon host = v1:127.0.0.1:$MON
ms bind msgr2 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
auth supported = none
keyring = $D/keyring
run dir = $D/run
admin socket = $D/run/\$name.asok
log file = $D/log/\$name.log
pid file = $D/run/\$name.pid
mon cluster log file = $D/log/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data = $D/mon
mon data avail warn = 1
mon data avail crit = 0
mon osd full ratio = 0.99
osd data = $D/osd
osd objectstore = $STORE
memstore device bytes = 4294967296
bluestore block size = 10737418240
bluestore block create = true
osd memory target = 1073741824
osd numa auto affinity = false
osd class update on start = true
osd op num shards = 2
osd op num threads per shard = 2
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$PORT
rgw enable apis = s3, admin
rgw thread pool size = 64
rgw run sync thread = false
rgw enable usage log = false
rgw enable ops log = false
rgw lc debug interval = 10
rgw crypt require ssl = false
debug rgw = ${RGW_DEBUG:-0}
C
}
free() { # a port that another server listens on would give its answers for ours
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    echo "Port $1 is in use: stop what listens there, or set $2." >&2
    exit 3
  fi
}
start() {
  conf
  if [ ! -d "$D/mon/store.db" ]; then
    ceph-authtool --create-keyring "$D/keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
    ceph-authtool "$D/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' >/dev/null
    monmaptool --create --clobber --fsid "$(cat "$D/fsid")" --addv a "v1:127.0.0.1:$MON" "$D/monmap" >/dev/null
    ceph-mon -c "$D/ceph.conf" -i a --mkfs --monmap "$D/monmap" --keyring "$D/keyring"
  fi
  ceph-mon -c "$D/ceph.conf" -i a -f >"$D/log/mon.out" 2>&1 & echo $! > "$D/mon.pid"
  wait_for 100 timeout 5 ceph -c "$D/ceph.conf" mon stat
  if [ ! -f "$D/osd/ready" ]; then
    U=$(cat /proc/sys/kernel/random/uuid); ceph -c "$D/ceph.conf" osd new "$U" 0 >/dev/null
    ceph-osd -c "$D/ceph.conf" -i 0 --mkfs --osd-uuid "$U" >"$D/log/osd-mkfs.out" 2>&1; touch "$D/osd/ready"
  fi
  ceph-osd -c "$D/ceph.conf" -i 0 -f >"$D/log/osd.out" 2>&1 & echo $! > "$D/osd.pid"
  wait_for 200 bash -c "timeout 5 ceph -c $D/ceph.conf osd stat | grep -q '1 up'"
  if [ ! -f "$D/user" ]; then
    timeout 100 radosgw-admin -c "$D/ceph.conf" user create --uid=test --display-name=test --access-key="$ACCESS" --secret-key="$SECRET" >"$D/user" 2>"$D/log/user.out" || { rm -f "$D/user"; cat "$D/log/user.out" >&2; return 1; }
  fi
  radosgw -c "$D/ceph.conf" -n client.rgw -f >"$D/log/rgw.out" 2>&1 & echo $! > "$D/rgw.pid"
  wait_for 300 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT"
  echo "S3 endpoint http://127.0.0.1:$PORT  access=$ACCESS secret=$SECRET region=us-east-1 (path style)"
}
stop() { for s in rgw osd mon; do if alive $s; then kill "$(pid $s)"; for _ in $(seq 1 100); do alive $s || break; sleep 0.1; done; alive $s && kill -9 "$(pid $s)"; fi; rm -f "$D/$s.pid"; done; }
case ${1:-start} in
  start)
    free "$PORT" PORT
    free "$MON" MON_PORT
    # Now and then the OSD does not come up in time on a busy machine: once more, from nothing.
    "$0" start-once || { "$0" wipe; "$0" start-once; }
    ;;
  start-once) start ;;
  stop) stop ;;
  restart) stop; start ;;
  wipe) stop; rm -rf "$D" ;;
  status)
    for s in mon osd rgw; do alive $s && echo "$s $(pid $s)" || echo "$s down"; done
    timeout 5 ceph -c "$D/ceph.conf" -s
    ;;
  *) echo "usage: ceph-s3.sh start|stop|restart|status|wipe" >&2; exit 2 ;;
esac
