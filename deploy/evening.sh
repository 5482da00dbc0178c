#!/bin/sh
# Every weekday evening: fetch the session, then scan it. What a scheduler does where there is no systemd.
#
#     evening.sh          # now, once; exits as the failed command did
#     evening.sh 22:30    # every weekday at that time (UTC), until it is stopped
#
# After an evening that failed the file FAILED is there, until one succeeds; `compose.yaml` calls that unhealthy.
set -u
FAILED="${EVENING_FAILED:-/data/evening-failed}"

evening() {
    tapescan sync
    code=$?
    # 1: something of the vendor's is still to come, and the next evening asks again; the rest can be scanned.
    if [ "$code" -le 1 ]; then
        tapescan scan --record
        code=$?
    fi
    if [ "$code" -eq 0 ]; then rm -f "$FAILED"; else date -u > "$FAILED"; fi
    return "$code"
}

if [ $# -eq 0 ]; then
    evening
    exit $?
fi
# Checked once: a time that is none would otherwise be found out in the evening.
date -u -d "$1" > /dev/null || exit 2
trap 'exit 0' INT TERM
while :; do
    now=$(date -u +%s)
    next=$(date -u -d "today $1" +%s)
    [ "$next" -gt "$now" ] || next=$((next + 86400))
    # In the background, so that a signal ends it at once.
    sleep $((next - now)) &
    wait $!
    [ "$(date -u +%u)" -gt 5 ] || evening
done
