#!/bin/sh
# Runs a Criterion test program. Criterion lets a leak under ASan pass unless the sanitizer's own
# log is looked at, so that is done here: any log file is a failure.
set -u
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export ASAN_OPTIONS="log_path=$logs/asan:detect_leaks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$logs/ubsan:${UBSAN_OPTIONS:-}"
export LSAN_OPTIONS="log_path=$logs/lsan:${LSAN_OPTIONS:-}"
"$@" --jobs "${CHECK_JOBS:-2}"
status=$?
for log in "$logs"/*; do
    [ -s "$log" ] || continue
    echo "sanitizer report:" >&2
    head -60 "$log" >&2
    status=1
done
exit $status
