#!/bin/sh
# Builds the image openhqm:TAG (default latest) from bin/openhqm, with the first
# of buildah, podman and docker that is installed. Run `make build` before, or
# `make image` for both.
#
#   deploy/image/build.sh [TAG]
set -eu
cd "$(dirname "$0")/../.."
tag=openhqm:${1:-latest}

[ -x bin/openhqm ] || { echo "build.sh: bin/openhqm is missing; run make build" >&2; exit 1; }
rm -rf bin/image-root
mkdir -p bin/image-root/data

if command -v buildah >/dev/null; then
	buildah bud --isolation chroot --format docker --tag "$tag" .
elif command -v podman >/dev/null; then
	podman build --format docker --tag "$tag" .
elif command -v docker >/dev/null; then
	docker build --tag "$tag" .
else
	echo "build.sh: none of buildah, podman and docker is installed" >&2
	exit 1
fi
echo "built $tag"
