#!/bin/bash
# Runs test suites and sums them up: check.sh FLAVOUR SUITE...
#   unit     the Criterion program        fuzz   every corpus through its fuzz target
#   cli, pst, servers, crash, kill        the Python tests in tests/
# The last line is "N passed, N failed"; the exit status is 0 only when nothing failed and every
# suite came to its end.
set -u
cd "$(dirname "$0")/.." || exit
flavour=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

count() { # PASSED FAILED STATUS NAME
    local bad=$2
    # A suite that fails without saying what, or says nothing at all, counts as one failure.
    if [ "$bad" -eq 0 ] && { [ "$3" -ne 0 ] || [ "$1" -eq 0 ]; }; then bad=1; fi
    passed=$((passed + $1)) failed=$((failed + bad))
    summary+="$(printf '%-8s %5d passed, %d failed, %d s' "$4" "$1" "$bad" $((SECONDS - begun)))"$'\n'
}

unit_suite() {
    scripts/run-unit.sh "build/$flavour/unit" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]} line good bad
    # [====] Synthesis: Tested: 10 | Passing: 9 | Failing: 1 | Crashing: 0
    line=$(grep -a 'Synthesis:' "$log" | tail -1 | sed 's/\x1b\[[0-9;]*m//g')
    good=$(sed -n 's/.*Passing: \([0-9]*\).*/\1/p' <<<"$line")
    bad=$(sed -n 's/.*Tested: \([0-9]*\).*/\1/p' <<<"$line")
    count "${good:-0}" $((${bad:-0} - ${good:-0})) "$status" unit
}

fuzz_suite() {
    local good=0 bad=0 target parser
    for target in tests/fuzz/fuzz_*.c; do
        parser=$(basename "$target" .c)
        parser=${parser#fuzz_}
        # shellcheck disable=SC2046
        if [ -x "build/fuzz/fuzz_$parser" ] && [ -d "tests/fuzz/corpus/$parser" ] &&
            "build/fuzz/fuzz_$parser" -timeout=20 -rss_limit_mb=1024 \
                $(find "tests/fuzz/corpus/$parser" -type f) >"$log" 2>&1; then
            good=$((good + 1))
            echo "ok   fuzz corpus $parser ($(find "tests/fuzz/corpus/$parser" -type f | wc -l) files)"
        else
            bad=$((bad + 1))
            echo "FAIL fuzz corpus $parser"
            tail -30 "$log"
        fi
    done
    count $good $bad 0 fuzz
}

python_suite() {
    MAILHOIST="$PWD/build/$flavour/mailhoist" python3 tests/tools/run_suite.py "$1" 2>&1 | tee "$log"
    local status=${PIPESTATUS[0]} good bad
    good=$(sed -n "s/^$1: \([0-9]*\) passed, .*/\1/p" "$log" | tail -1)
    bad=$(sed -n "s/^$1: [0-9]* passed, \([0-9]*\) failed.*/\1/p" "$log" | tail -1)
    count "${good:-0}" "${bad:-0}" "$status" "$1"
}

summary=
for suite; do
    begun=$SECONDS
    echo "== $suite ($flavour)"
    case $suite in
    unit) unit_suite ;;
    fuzz) fuzz_suite ;;
    *) python_suite "$suite" ;;
    esac
done
echo
printf '%s' "$summary"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
