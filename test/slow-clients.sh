#!/bin/sh
# Runs Debian's slowhttptest with 1,000 slow connections against the built binary,
# slow heads (-H), slow bodies (-B) and slow readers (-X): test/slow-clients.sh BINARY
# Meanwhile an honest client asks once after the other: the 99th percentile of its
# answers must stay under a second, none may fail, and the server must survive. That
# the slow connections were there is read from the kernel's table of them.
# SLOWTIME is the length of each run in seconds.
set -eu
binary=$1
seconds=${SLOWTIME:-30}
for tool in slowhttptest curl; do
	command -v $tool >/dev/null || { echo "slow-clients: skipped, $tool is not installed; on Debian: apt-get install $tool"; exit 0; }
done
ulimit -n 8192 2>/dev/null || true
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
OPENHQM_QUEUE__TYPE=memory OPENHQM_MONITORING__LOG_FORMAT=json "$binary" serve --port 0 --admin-port 0 >"$work/log" 2>&1 &
server=$!
port=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	port=$(sed -n 's/.*"ingress":"[^"]*:\([0-9]*\)".*/\1/p' "$work/log")
	[ -z "$port" ] || break
	sleep 0.5
done
[ -n "$port" ] || { cat "$work/log"; echo "slow-clients: the server did not start"; exit 1; }
url=http://127.0.0.1:$port

# held prints how many connections to the server stand now.
hex=$(printf "%04X" "$port") tables=$(ls /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)
held() { awk -v port=":$hex" '$4 == "01" && substr($2, length($2) - 4) == port { n++ } END { print n + 0 }' $tables; }

for attack in -H -B -X; do
	: >"$work/times"
	most=0
	path=/api/v1/openapi.json
	[ $attack != -B ] || path=/orders # where a body is waited for
	slowhttptest $attack -c 1000 -r 500 -i 5 -l "$seconds" -p 5 -u "$url$path" >"$work/attack" 2>&1 &
	attacker=$!
	sleep 2
	while kill -0 "$attacker" 2>/dev/null; do
		curl -s -o /dev/null -m 10 -H 'Prefer: respond-async' -d honest -w '%{http_code} %{time_total}\n' "$url/orders" >>"$work/times" || true
		now=$(held)
		[ "$now" -le "$most" ] || most=$now
		sleep 0.05
	done
	[ "$most" -ge 1000 ] || { cat "$work/attack"; echo "slow-clients: $attack held only $most of 1,000 connections"; exit 1; }
	kill -0 "$server" || { cat "$work/log"; echo "slow-clients: $attack ended the server"; exit 1; }
	sort -k2 -n "$work/times" | awk -v attack="$attack" -v most="$most" '
		{ if ($1 != 202) failed++; time[NR] = $2 }
		END {
			p99 = time[int((NR * 99 + 99) / 100)]
			printf "slow-clients: %s with %d connections at once: %d honest requests, %d failed, p99 %.3fs\n", attack, most, NR, failed, p99
			exit !(NR >= 20 && !failed && p99 < 1)
		}'
done
