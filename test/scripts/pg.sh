# Sourced: whether there is memory to work in, and a PostgreSQL of our own on a free port, for
# the tests only.

# memory_for MEGABYTES tells whether files of that size have room in /dev/shm, and half as much again.
memory_for() {
  [ -w /dev/shm ] && [ "$(df -Pm /dev/shm | awk 'NR == 2 { print $4 }')" -gt $(($1 + $1 / 2)) ]
}

# start_pg starts the server, and stops it at the end. Its data are thrown away, so it need not
# fsync, and lie in memory where there is room: a database is made for each test.
start_pg() {
  # Not local: the trap at the end needs them too.
  PGBIN="$(pg_bin)"
  if memory_for 6000; then PGDIR="$(mktemp -d /dev/shm/kassavalv-pg.XXXXXX)"; else PGDIR="$(mktemp -d)"; fi
  chmod 755 "$PGDIR"
  local port; port="$(python3 - <<'P' 2>/dev/null || echo 54330
import socket
s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])
P
)"
  if [ "$(id -u)" = 0 ]; then chown postgres "$PGDIR"; PGAS=(su postgres -s /bin/bash -c); else PGAS=(bash -c); fi
  "${PGAS[@]}" "'$PGBIN/initdb' -D '$PGDIR/data' -A trust -U postgres -E UTF8 --locale=C >/dev/null"
  "${PGAS[@]}" "'$PGBIN/pg_ctl' -D '$PGDIR/data' -o '-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PGDIR -c fsync=off -c max_connections=400 -c shared_buffers=128MB' -w -l '$PGDIR/log' start >/dev/null"
  export KASSAVALV_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
  stop_pg() { "${PGAS[@]}" "'$PGBIN/pg_ctl' -D '$PGDIR/data' -m immediate stop >/dev/null 2>&1" || true; rm -rf "$PGDIR"; }
  trap stop_pg EXIT
}
