#!/usr/bin/env bash
# Starts the two real database servers that the store's tests and benchmarks run on: MySQL (9.x, from Debian unstable,
# because Debian stable has no MySQL) and MariaDB (from the system's packages). They listen on loopback only, with default
# durability; databases already on the machine are not touched. Needs root, and Debian or Ubuntu.
#
#   eval "$(scripts/test-databases.sh start)"    starts what is not running, sets the two variables
#   scripts/test-databases.sh stop               stops both, keeps the data
#   scripts/test-databases.sh wipe               stops both and removes data and programs
#
# ETFCAST_TEST_DATABASES  folder for programs and data (default /var/tmp/etfcast-test-databases, about 700 MB)
# ETFCAST_TEST_MYSQL_PORT, ETFCAST_TEST_MARIADB_PORT   ports (default 13406 and 13407)
set -euo pipefail

home=${ETFCAST_TEST_DATABASES:-/var/tmp/etfcast-test-databases}
mysql_port=${ETFCAST_TEST_MYSQL_PORT:-13406}
mariadb_port=${ETFCAST_TEST_MARIADB_PORT:-13407}
debian=$home/debian-unstable # a minimal Debian, entered by chroot

say() { echo "test-databases: $*" >&2; }
die() { say "$*"; exit 1; }

# running NAME: is the process with the recorded pid alive, and is it a database server?
running() {
  local pid
  pid=$(cat "$home/$1.pid" 2>/dev/null) && [[ -r /proc/$pid/comm ]] && grep -qE '^(mysqld|mariadbd)$' "/proc/$pid/comm"
}

packages() {
  command -v apt-get >/dev/null || die "needs apt-get (Debian or Ubuntu)"
  say "installing $*"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >>"$home/install.log" 2>&1 ||
    die "installing $* failed; the end of $home/install.log: $(tail -3 "$home/install.log")"
}

install_mysql() {
  [[ -e $debian/.complete ]] && return
  command -v debootstrap >/dev/null || packages debootstrap
  say "unpacking MySQL from Debian unstable into $debian (about a minute)"
  rm -rf "$debian"
  debootstrap --variant=minbase --include=mysql-server-core,mysql-client-core sid "$debian" >>"$home/install.log" 2>&1 ||
    die "debootstrap failed; the end of $home/install.log: $(tail -3 "$home/install.log")"
  touch "$debian/.complete"
}

install_mariadb() {
  # The core packages contain only the programs: no service is set up or started.
  command -v mariadbd >/dev/null && command -v mariadb >/dev/null && command -v mariadb-install-db >/dev/null && return
  packages mariadb-server-core mariadb-client-core
}

# await NAME COMMAND...: waits until COMMAND succeeds, or dies with the end of the server's log.
await() {
  local name=$1
  shift
  for _ in $(seq 240); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.25
    running "$name" || break
  done
  die "$name did not come up; the end of $home/$name.log: $(tail -5 "$home/$name.log")"
}

free() { # PORT NAME
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null || die "port $1 is in use; set ETFCAST_TEST_${2^^}_PORT to a free one"
}

start_mysql() {
  running mysql && return
  install_mysql
  free "$mysql_port" mysql
  local options=(--no-defaults --datadir=/etfcast-data --user=root --secure-file-priv=)
  if [[ ! -d $debian/etfcast-data/mysql ]]; then
    rm -rf "$debian/etfcast-data"
    chroot "$debian" mysqld "${options[@]}" --initialize-insecure >"$home/mysql.log" 2>&1 ||
      die "initialising MySQL failed; see $home/mysql.log"
  fi
  setsid chroot "$debian" mysqld "${options[@]}" --port="$mysql_port" --bind-address=127.0.0.1 --mysqlx=0 \
    --socket=/etfcast-data/mysql.sock --local-infile=1 >>"$home/mysql.log" 2>&1 </dev/null 9>&- &
  echo $! >"$home/mysql.pid"
  await mysql chroot "$debian" mysqladmin --no-defaults --socket=/etfcast-data/mysql.sock -uroot ping
  # MySQL creates only root@localhost, which does not match a TCP connection from 127.0.0.1.
  chroot "$debian" mysql --no-defaults --socket=/etfcast-data/mysql.sock -uroot -e \
    "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1'; GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION"
}

start_mariadb() {
  running mariadb && return
  install_mariadb
  free "$mariadb_port" mariadb
  local data=$home/mariadb-data
  local options=(--no-defaults --datadir="$data" --user=root)
  if [[ ! -d $data/mysql ]]; then
    rm -rf "$data"
    mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db >"$home/mariadb.log" 2>&1 ||
      die "initialising MariaDB failed; see $home/mariadb.log"
  fi
  setsid mariadbd "${options[@]}" --port="$mariadb_port" --bind-address=127.0.0.1 --socket="$data/mariadb.sock" \
    --local-infile=1 >>"$home/mariadb.log" 2>&1 </dev/null 9>&- &
  echo $! >"$home/mariadb.pid"
  # Not with mariadb-admin: Debian's core client package does not have it.
  await mariadb mariadb --no-defaults --socket="$data/mariadb.sock" -uroot -e 'SELECT 1'
  mariadb --no-defaults --socket="$data/mariadb.sock" -uroot -e \
    "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1'; GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION"
}

stop() {
  local name=$1
  if running "$name"; then
    kill "$(cat "$home/$name.pid")"
    while running "$name"; do sleep 0.1; done
  fi
  rm -f "$home/$name.pid"
}

case ${1:-} in
  start | stop | wipe) ;;
  *) echo "usage: $0 start|stop|wipe" >&2; exit 2 ;;
esac
[[ $(id -u) == 0 ]] || die "must run as root: it uses chroot and installs packages"
mkdir -p "$home"
exec 9>"$home.lock"
flock 9

case $1 in
  start)
    start_mysql
    start_mariadb
    echo "export ETFCAST_TEST_MYSQL_DSN='root@tcp(127.0.0.1:$mysql_port)/'"
    echo "export ETFCAST_TEST_MARIADB_DSN='root@tcp(127.0.0.1:$mariadb_port)/'"
    ;;
  stop) stop mysql; stop mariadb ;;
  wipe) stop mysql; stop mariadb; rm -rf "${home:?}" "$home.lock" ;;
esac
