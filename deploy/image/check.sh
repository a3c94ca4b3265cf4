#!/bin/sh
# Proves the image: builds it, runs it with podman, and checks that it runs as
# uid 65532, answers /livez and its health check, takes the volume for a disk,
# keeps a submitted request over a restart with the same volume, exits 0 on
# SIGTERM, and has no shell.
#
#   deploy/image/check.sh              build and check openhqm:check
#   PODMAN_RUN_FLAGS="..." check.sh    other flags for podman run
#
# Says so and exits 0 where podman or buildah is missing.
set -eu
cd "$(dirname "$0")/../.."

for tool in podman buildah curl; do
	command -v "$tool" >/dev/null || { echo "check.sh: skipped, $tool is not installed"; exit 0; }
done

# Host networking and explicit limits also work inside another container.
flags=${PODMAN_RUN_FLAGS:---network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000}
podman="podman"
command -v runc >/dev/null && podman="podman --runtime runc"
port=${PORT:-18000}
admin=${ADMIN_PORT:-18001}
name=openhqm-check-$$
volume=openhqm-check-$$
url=http://127.0.0.1:$port

cleanup() {
	$podman rm -f "$name" >/dev/null 2>&1 || true
	podman volume rm -f "$volume" >/dev/null 2>&1 || true
}
trap cleanup EXIT INT TERM

fail() {
	echo "check.sh: $1" >&2
	$podman logs "$name" >&2 || true
	exit 1
}

start() {
	# shellcheck disable=SC2086 # the flags are words
	$podman run --detach --name "$name" $flags \
		--env OPENHQM_SERVER__HOST=127.0.0.1 --env OPENHQM_SERVER__PORT="$port" \
		--env OPENHQM_ADMIN__HOST=127.0.0.1 --env OPENHQM_ADMIN__PORT="$admin" \
		--volume "$volume:/data" openhqm:check "$@" >/dev/null
	i=0
	until curl -fsS "http://127.0.0.1:$admin/livez" >/dev/null 2>&1; do
		i=$((i + 1))
		[ "$i" -lt 100 ] || fail "no answer from /livez within 10 s"
		sleep 0.1
	done
}

stop() {
	$podman stop --time 30 "$name" >/dev/null
	code=$($podman inspect --format '{{.State.ExitCode}}' "$name")
	[ "$code" = 0 ] || fail "exit code $code after SIGTERM, want 0"
	$podman rm "$name" >/dev/null
}

make build
deploy/image/build.sh check

start
pid=$($podman inspect --format '{{.State.Pid}}' "$name")
uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
[ "$uid" = 65532 ] || fail "runs as uid $uid, want 65532"
echo "ok: /livez answers, uid 65532"

$podman exec "$name" /openhqm version >/dev/null || fail "exec of /openhqm version failed"
if $podman exec "$name" /bin/sh -c true >/dev/null 2>&1; then fail "there is a shell in the image"; fi
echo "ok: no shell"

$podman exec "$name" /openhqm healthcheck >/dev/null || fail "the health check of a ready process failed"
if $podman exec --env OPENHQM_ADMIN__PORT=1 "$name" /openhqm healthcheck >/dev/null 2>&1; then fail "the health check succeeds where nothing listens"; fi
$podman exec "$name" /openhqm queue list >/dev/null || fail "the operators' commands do not work inside"
$podman logs "$name" 2>&1 | grep -q '"place":"/data","durability":"disk"' || fail "the volume is not reported as a disk"
echo "ok: health check, operators' commands, a durable volume"

# The demo handler takes a second, so a restart right after the submit finds the
# message waiting or running; either way its answer must come.
id=$(curl -fsS -X POST "$url/api/v1/submit" -H 'Content-Type: application/json' \
	-d '{"payload": {"operation": "uppercase", "data": "survived"}}' |
	sed -n 's/.*"correlation_id": *"\([^"]*\)".*/\1/p')
[ -n "$id" ] || fail "submit gave no correlation_id"
stop
start
answer=$(curl -fsS "$url/api/v1/response/$id?wait=20s")
i=0
while :; do
	case $answer in *SURVIVED*) break ;; esac
	i=$((i + 1))
	[ "$i" -lt 100 ] || fail "no result after the restart: $answer"
	sleep 0.2
	answer=$(curl -fsS "$url/api/v1/response/$id")
done
stop
echo "ok: request $id was answered after a restart, exit 0 twice"
