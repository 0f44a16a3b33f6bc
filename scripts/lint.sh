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
have clang-format && { find src tests -name '*.[ch]' | sort | while read -r file; do
    clang-format "$file" | cmp -s - "$file" || echo "$file: make format would change it"
done | { ! grep .; } || failed clang-format; }

step clang-tidy
PST_INC=$(pkg-config --cflags-only-I libpst)
export PST_INC
# shellcheck disable=SC2016 # the inner shell expands
have clang-tidy && { find src -name '*.c' -print0 |
    xargs -0 -n 4 -P "$(nproc)" sh -c 'clang-tidy --quiet "$@" -- -std=c17 -D_GNU_SOURCE \
        -D_FILE_OFFSET_BITS=64 -DMAILHOIST_FAULTS -DMAILHOIST_VERSION=\"0\" -Isrc -Ibuild/gen $PST_INC 2>/dev/null' sh ||
    failed clang-tidy; }

step cppcheck
have cppcheck && { cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr \
    --suppress=missingIncludeSystem --error-exitcode=1 -Isrc -Ibuild/gen -j "$(nproc)" src ||
    failed cppcheck; }

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
