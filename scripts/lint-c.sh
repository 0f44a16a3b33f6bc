#!/bin/bash
# clang-tidy over one C file, unless it passed before just as it is now: lint-c.sh FILE.C
# What it depends on is the file, the headers of ours that it includes, the settings and the
# program; their hash is remembered in build/lint/ once the file has passed.
set -u
cd "$(dirname "$0")/.." || exit
file=$1
flags=(-std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMAILHOIST_FAULTS '-DMAILHOIST_VERSION="0"'
    -Isrc -Ibuild/gen)
read -ra pst < <(pkg-config --cflags-only-I libpst)
flags+=("${pst[@]/#-I/-isystem}")

# "x.o: x.c x.h \": the rule that make would read is the list of the files.
needs=$(${CC:-gcc} "${flags[@]}" -MM "$file" | sed 's/^[^:]*://; s/\\$//') || exit
# shellcheck disable=SC2086 # a list of plain names
hash=$({ cat $needs .clang-tidy scripts/lint-c.sh; echo "$file"; clang-tidy --version; } | sha256sum)
mark=build/lint/${hash%% *}
[ -e "$mark" ] && exit

# Its count of the warnings it suppressed in others' headers goes to stderr.
clang-tidy --quiet "$file" -- "${flags[@]}" 2>/dev/null || exit
mkdir -p build/lint && : >"$mark"
