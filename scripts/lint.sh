#!/bin/bash
# make lint: include directions, clang-format, clang-tidy, cppcheck, shellcheck, mandoc, as far as
# they are installed. All checks run; any finding fails.
set -u
cd "$(dirname "$0")/.." || exit
status=0
step() { echo "-- $1"; }
failed() { echo "lint: $1 found something" >&2; status=1; }
have() { command -v "$1" >/dev/null || { echo "   (no $1 here: left out)"; return 1; }; }

step 'include directions'
scripts/check-layers.sh || failed check-layers

step clang-format
have clang-format && { find src tests -name '*.[ch]' -print0 |
    xargs -0 -n 40 -P "$(nproc)" clang-format --dry-run --Werror || failed clang-format; }

# Many minutes for all files the first time; later only for those that have changed.
step clang-tidy
have clang-tidy && { find src tests/tools tests/fuzz -name '*.c' -print0 |
    sort -z | xargs -0 -n 1 -P "$(nproc)" scripts/lint-c.sh || failed clang-tidy; }

step cppcheck
mkdir -p build/lint/cppcheck
have cppcheck && { cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
    --suppress=missingIncludeSystem --error-exitcode=1 --cppcheck-build-dir=build/lint/cppcheck \
    -Isrc -Ibuild/gen -j "$(nproc)" src || failed cppcheck; }

step shellcheck
have shellcheck && { shellcheck -e SC2013 scripts/*.sh scripts/install-deps .ci/run tests/*/*.sh ||
    failed shellcheck; }

step 'man page'
have mandoc && { mandoc -Tlint -Wwarning src/cli/mailhoist.1 || failed mandoc; }

step 'python'
for file in tests/*/*.py; do
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file" ||
        failed python
done
exit $status
