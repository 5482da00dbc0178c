#!/usr/bin/env bash
# Build the image, whatever builds images here: deploy/build.sh [EXTRAS] [options of the builder ...]
#
# TAG names it (tapescan:VERSION where it is empty); BASE stands for the Python image where no registry is reached.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-redis,web}
shift || true
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/tapescan/version.py)
words=(--file deploy/Containerfile --tag "${TAG:-tapescan:$version}" --build-arg "EXTRAS=$extras")
[ -z "${BASE:-}" ] || words+=(--build-arg "BASE=$BASE")
for builder in podman buildah docker; do
    command -v "$builder" > /dev/null || continue
    # Docker's format, since OCI's has no health check.
    [ "$builder" = docker ] || words+=(--format docker)
    exec "$builder" build "${words[@]}" "$@" .
done
echo "build.sh: needs podman, buildah or docker" >&2
exit 2
