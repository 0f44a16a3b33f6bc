#!/bin/bash
# Fuzzes each parser for a while: fuzz.sh SECONDS [PARSER...]. What is found stays in build/fuzz/;
# put a shrunk copy into tests/fuzz/corpus/PARSER when it is mended.
set -u
cd "$(dirname "$0")/.." || exit
seconds=$1
shift
# shellcheck disable=SC2046 # parsers have plain names
[ $# -gt 0 ] || set -- $(for f in tests/fuzz/fuzz_*.c; do basename "${f#tests/fuzz/fuzz_}" .c; done)
status=0
for parser; do
    found=build/fuzz/found/$parser
    mkdir -p "$found"
    echo "== $parser, $seconds s"
    "build/fuzz/fuzz_$parser" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$parser-" \
        "$found" "tests/fuzz/corpus/$parser" 2>&1 | tail -25 | grep -vE '^#[0-9]+.*(NEW|REDUCE|pulse)'
    [ "${PIPESTATUS[0]}" -eq 0 ] || { echo "FAIL $parser"; status=1; }
done
exit $status
