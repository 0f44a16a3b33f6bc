# mailhoist: one Makefile for everything; `make help` lists the targets.
# Flavours live side by side below build/: release (what is installed), dev (warnings are errors,
# fault points compiled in: what the tests run), asan (dev under ASan and UBSan), fuzz.
# What takes more than a line of shell is a script in scripts/.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man
DESTDIR  ?=
CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
CLANG    ?= clang
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 60

# ---- flags -------------------------------------------------------------------
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wno-format-truncation
# libpst's headers include each other as <libpst/...>. (As system headers: they are not ours to warn of.)
PST_INC  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I libpst))
COMMON   := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMAILHOIST_VERSION='"$(VERSION)"' \
            -Isrc -Ibuild/gen $(WARN) -g -fno-strict-aliasing -fno-strict-overflow \
            -ffile-prefix-map=$(CURDIR)=. $(PST_INC)
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
# -letpan by hand: its .pc file asks for a non-PIE program.
LIBS     := -letpan -lssl -lcrypto -lsqlite3 -lunistring -lz -lpst -lseccomp -lxxhash

# Small functions of base/ are called for every line of every message: inlined across files.
ifeq ($(findstring clang,$(CC)),)
LTO := -flto=auto
AR  := gcc-ar
endif
CFLAGS_release := -O2 $(LTO) $(HARDEN)
LDFLAGS_release := $(LTO) $(LDHARDEN)
CFLAGS_dev     := -O1 -Werror -DMAILHOIST_FAULTS $(HARDEN)
LDFLAGS_dev    := $(LDHARDEN)
SANITIZE       := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_asan    := -O1 -Werror -DMAILHOIST_FAULTS $(SANITIZE)
LDFLAGS_asan   := $(SANITIZE)
CFLAGS_fuzz    := -O1 -Wno-unknown-warning-option $(SANITIZE) -fsanitize=fuzzer-no-link -DMAILHOIST_FUZZ
LDFLAGS_fuzz   := $(SANITIZE) -fsanitize=fuzzer

# ---- what there is -----------------------------------------------------------
LIB_SRC   := $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
UNIT_SRC  := $(wildcard tests/unit/*.c)
TOOL_SRC  := $(wildcard tests/tools/*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS   := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))

.DEFAULT_GOAL := all
all: build/release/mailhoist ## the hardened release program

# The profiles are built in: the lines of the file as C strings.
build/gen/imap/profiles.inc: src/imap/profiles.conf
	@mkdir -p $(@D)
	@sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< >$@

# One set of rules for each flavour.
define flavour
build/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC  $$@"
	@$$(CC_$(1)) $$(COMMON) $$(CFLAGS_$(1)) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
build/$(1)/src/imap/profile.o: build/gen/imap/profiles.inc
build/$(1)/libmailhoist.a: $$(LIB_SRC:%.c=build/$(1)/%.o)
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
build/$(1)/mailhoist: build/$(1)/src/cli/main.o build/$(1)/libmailhoist.a
	@echo "  LD  $$@"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
build/$(1)/unit: $$(UNIT_SRC:%.c=build/$(1)/%.o) build/$(1)/libmailhoist.a
	@echo "  LD  $$@"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ $$(LIBS) -lcriterion
build/$(1)/tools/%: build/$(1)/tests/tools/%.o build/$(1)/libmailhoist.a
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	@$$(CC_$(1)) $$(CFLAGS_$(1)) $$(LDFLAGS_$(1)) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
-include $$(LIB_SRC:%.c=build/$(1)/%.d) $$(UNIT_SRC:%.c=build/$(1)/%.d) build/$(1)/src/cli/main.d
-include $$(TOOL_SRC:%.c=build/$(1)/%.d)
endef
CC_release := $(CC)
CC_dev     := $(CC)
CC_asan    := $(CC)
CC_fuzz    := $(CLANG)
$(foreach f,release dev asan fuzz,$(eval $(call flavour,$(f))))
.SECONDARY:

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c build/fuzz/libmailhoist.a
	@echo "  LD  $@"
	@$(CLANG) $(COMMON) $(CFLAGS_fuzz) $(LDFLAGS_fuzz) -o $@ $^ $(LIBS)

# ---- tests -------------------------------------------------------------------
# scripts/check.sh FLAVOUR SUITE... runs the suites one after the other, sums them up, and fails
# when any of them failed. Only the building is parallel.
built = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
TESTED = unit mailhoist tools/pst_dump tools/pst_mime
check: ## all tests
	@$(built) $(TESTED:%=build/dev/%) build/release/mailhoist $(FUZZERS)
	@scripts/check.sh dev unit fuzz cli pst servers crash
check-asan: ## all tests with address and undefined-behaviour sanitizers, leaks included
	@$(built) $(TESTED:%=build/asan/%) build/release/mailhoist $(FUZZERS)
	@scripts/check.sh asan unit fuzz cli pst servers crash
check-unit: ## unit and wire tests
	@$(built) build/dev/unit
	@scripts/check.sh dev unit
check-cli check-pst check-servers check-crash: check-%: ## one suite: command line, Outlook stores, servers, crashes
	@$(built) $(filter-out %/unit,$(TESTED:%=build/dev/%)) build/release/mailhoist
	@scripts/check.sh dev $*
check-crash-long: ## every passage of every fault point, cuts at more offsets
	@$(built) build/dev/mailhoist
	@CRASH_LONG=1 scripts/check.sh dev crash
check-kill: ## 20 random kill -9 during a run over 4,000 messages
	@$(built) build/dev/mailhoist
	@scripts/check.sh dev kill
check-life: ## POP lives of 4,000 messages: each POP client, each server, filed and taken back
	@$(built) build/dev/mailhoist
	@LIFE_CLIENTS=all LIFE_MESSAGES=4000 LIFE_FOLDERS=20 LIFE_KILLS=10 MAILHOIST=build/dev/mailhoist \
		python3 tests/tools/run_suite.py servers test_life
check-pst-mutations: ## 2,500 damaged Outlook stores: nothing is lost without a word
	@$(built) build/dev/tools/pst_dump build/dev/mailhoist
	@tests/tools/pst_mutations.py --by dump --count 500
	@tests/tools/pst_mutations.py --by scan --count 2000
check-fuzz: ## replay of every fuzz corpus
	@$(built) $(FUZZERS)
	@scripts/check.sh fuzz fuzz
fuzz: ## fuzz each parser for FUZZ_SECONDS (60)
	@$(built) $(FUZZERS)
	@scripts/fuzz.sh $(FUZZ_SECONDS)
bench: ## throughput beside a raw blaster and other programs
	@$(built) build/release/mailhoist build/release/tools/blaster build/release/tools/scanbench \
		build/release/tools/delayproxy build/release/tools/rawindex build/release/tools/pst_dump
	@scripts/bench.py
demo: ## a migration to a throw-away server, to look at
	@scripts/demo.sh

# ---- the source --------------------------------------------------------------
lint: build/gen/imap/profiles.inc ## include directions, style, static analysis, scripts, man page
	@scripts/lint.sh
format: ## put all C files into the house style
	clang-format -i $(wildcard src/*/*.[ch] tests/*/*.[ch])
deps: ## install what building and testing needs
	scripts/install-deps

# ---- the product -------------------------------------------------------------
install: build/release/mailhoist ## into PREFIX (/usr/local), below DESTDIR
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 755 build/release/mailhoist $(DESTDIR)$(BINDIR)/mailhoist
	install -m 644 src/cli/mailhoist.1 $(DESTDIR)$(MANDIR)/man1/mailhoist.1
uninstall: ## take it out again
	rm -f $(DESTDIR)$(BINDIR)/mailhoist $(DESTDIR)$(MANDIR)/man1/mailhoist.1
DIST ?= build/mailhoist-$(VERSION).tar.gz
dist: ## source archive of the committed state
	@mkdir -p build
	git archive --prefix=mailhoist-$(VERSION)/ HEAD | gzip -9n >$(DIST)
clean: ## remove what was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1\t/p' Makefile | expand -t 20
.PHONY: all check check-asan check-unit check-cli check-pst check-servers check-crash check-crash-long \
        check-kill check-life check-pst-mutations check-fuzz fuzz bench demo lint format deps install uninstall \
        dist clean help
