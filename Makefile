# mailhoist: one Makefile for everything; `make help` lists the targets.
# Flavours live side by side below build/: release (what is installed), dev (warnings are errors,
# fault points compiled in: what the tests run), asan (dev under ASan and UBSan), fuzz.

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
FLAVOUR  ?= release

# ---- flags -------------------------------------------------------------------
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
            -Wmissing-prototypes -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wno-format-truncation
COMMON   := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DMAILHOIST_VERSION='"$(VERSION)"' \
            -Isrc $(WARN) -g -fno-strict-aliasing -fno-strict-overflow
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
# -letpan by hand: its .pc file asks for a non-PIE program.
LIBS     := -letpan -lssl -lcrypto -lsqlite3 -lunistring -lz

CFLAGS_release := -O2 $(HARDEN)
LDFLAGS_release := $(LDHARDEN)
CFLAGS_dev     := -O1 -Werror -DMAILHOIST_FAULTS $(HARDEN)
LDFLAGS_dev    := $(LDHARDEN)
SANITIZE       := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_asan    := -O1 -Werror -DMAILHOIST_FAULTS $(SANITIZE)
LDFLAGS_asan   := $(SANITIZE)
CFLAGS_fuzz    := -O1 $(SANITIZE) -fsanitize=fuzzer-no-link -DMAILHOIST_FUZZ
LDFLAGS_fuzz   := $(SANITIZE) -fsanitize=fuzzer

# ---- what there is -----------------------------------------------------------
LIB_SRC   := $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
UNIT_SRC  := $(wildcard tests/unit/*.c)
TOOL_SRC  := $(wildcard tests/tools/*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS   := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ_SRC))

.DEFAULT_GOAL := all
.PHONY: all help check check-unit check-asan check-cli check-servers check-crash check-fuzz fuzz \
        lint format bench demo install uninstall dist clean deps
all: build/release/mailhoist ## the hardened release program

# One set of rules for each flavour.
define flavour
build/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@echo "  CC  $$@"
	@$$(CC_$(1)) $$(COMMON) $$(CFLAGS_$(1)) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
build/$(1)/libmailhoist.a: $$(LIB_SRC:%.c=build/$(1)/%.o)
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
	$(CLANG) $(COMMON) $(CFLAGS_fuzz) $(LDFLAGS_fuzz) -o $@ $^ $(LIBS)

# ---- tests -------------------------------------------------------------------
check: check-unit ## all tests
check-unit: build/dev/unit ## unit and wire tests
	scripts/run-unit.sh build/dev/unit

include scripts/targets.mk

# ---- house -------------------------------------------------------------------
clean: ## remove what was built
	rm -rf build
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20
