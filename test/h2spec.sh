#!/bin/sh
# Runs h2spec against the ingress of the built binary, over h2c and over TLS: test/h2spec.sh BINARY
# Fails below 139 of 145 cases, which is what Go's own server passes. H2SPEC names
# the tool; otherwise it is built from its module, outside this one.
set -eu
binary=$1
go=${GO:-go}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
tool=${H2SPEC:-}
if [ -z "$tool" ]; then
	GOFLAGS=-mod=mod GOBIN="$work" $go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible 2>"$work/install" || {
		cat "$work/install"
		exit 1
	}
	tool=$work/h2spec
fi

# judge NAME FLAGS...: starts the server with what is in the environment, runs the cases, ends it.
judge() {
	name=$1
	shift
	OPENHQM_QUEUE__TYPE=memory OPENHQM_MONITORING__LOG_FORMAT=json "$binary" serve --port 0 --admin-port 0 >"$work/log" 2>&1 &
	server=$!
	port=
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		port=$(sed -n 's/.*"ingress":"[^"]*:\([0-9]*\)".*/\1/p' "$work/log")
		[ -z "$port" ] || break
		sleep 0.5
	done
	[ -n "$port" ] || { cat "$work/log"; echo "h2spec: the server did not start"; exit 1; }
	"$tool" -h 127.0.0.1 -p "$port" -P /api/v1/openapi.json -o 2 "$@" >"$work/out" 2>&1 || true
	kill "$server"
	wait "$server" || true
	server=
	sed -n '/^Failures:/,$p' "$work/out"
	passed=$(sed -n 's/^145 tests, \([0-9]*\) passed.*/\1/p' "$work/out")
	[ "${passed:-0}" -ge 139 ] || { echo "h2spec: ${passed:-none} of 145 passed over $name, at least 139 must"; exit 1; }
	echo "h2spec: $passed of 145 passed over $name"
}

judge h2c
(cd "$work" && $go run "$($go env GOROOT)/src/crypto/tls/generate_cert.go" -host 127.0.0.1 -ecdsa-curve P256 >/dev/null 2>&1)
export OPENHQM_SERVER__TLS__CERT_FILE="$work/cert.pem" OPENHQM_SERVER__TLS__KEY_FILE="$work/key.pem"
judge TLS -t -k
