# SPDX-License-Identifier: Apache-2.0
# Everything is found by being there: a new .c file, component, example or test
# needs no line here. A component's own libraries: components/NAME/deps.mk.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
SANITIZE ?=
comma := ,
BUILD := build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))

CC := gcc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
	-Wwrite-strings -Wvla -Wformat=2 -Wno-format-nonliteral -Werror
HARDENING := -fstack-protector-strong \
	$(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
OWN = $(CFLAGS) $(HARDENING) $(SANITIZERS)
INCLUDES = -Isdk/include -Isdk -Iruntime -I. -I$(BUILD)/gen
VISIBILITY = hidden
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -fPIC -fvisibility=$(VISIBILITY) \
	$(OWN) $(WARNINGS) $(INCLUDES) -MMD -MP
LINK = $(CC) $(OWN) -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)

# Debian's packages: to build, to test, to check the style.
PACKAGES := gcc make libc6-dev pkg-config libgrpc-dev libprotobuf-c-dev \
	libprotobuf-dev protobuf-compiler protobuf-c-compiler libuv1-dev \
	libnghttp2-dev libyaml-dev tzdata \
	python3 python3-grpcio python3-protobuf python3-yaml python3-venv \
	libcmocka-dev ca-certificates curl procps \
	binutils clang clang-format g++ git shellcheck universal-ctags

# What pkg-config says, asked once and only when something is built.
once = $(if $(filter undefined,$(origin said_$1)),$(eval said_$1 := \
	$(shell $2)))$(said_$1)
SDK := grpc libprotobuf-c
SDK_CFLAGS = $(call once,1,pkg-config --cflags $(SDK))
SDK_LIBS = $(call once,2,pkg-config --libs $(SDK)) -lm -lpthread
RUNTIME := libuv libnghttp2 libprotobuf-c yaml-0.1
COMMIT = $(call once,3,git rev-parse --short HEAD 2>/dev/null || echo unknown)
RUNTIME_CFLAGS = $(call once,4,pkg-config --cflags $(RUNTIME)) \
	-DCDAPR_VERSION='"$(VERSION)"' -DCDAPR_COMMIT='"$(COMMIT)"'
RUNTIME_LIBS = $(call once,5,pkg-config --libs $(RUNTIME)) \
	-ldl -lm -lpthread

-include $(wildcard components/*/deps.mk)

PROTOS := $(shell find proto -name '*.proto')
GEN_C := $(PROTOS:proto/%.proto=$(BUILD)/gen/%.pb-c.c)
GEN_O := $(GEN_C:.c=.o)
MESSAGES := $(PROTOS:proto/%=$(BUILD)/gen/messages/%)
PLAIN := $(filter-out %_names.proto,$(PROTOS:proto/%=$(BUILD)/gen/plain/%))
DESCRIPTORS := $(BUILD)/gen/descriptors.pb

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $1))
CORE_O := $(call objects,sdk/core/*.c)
SERVER_O := $(call objects,sdk/server/*.c)
RUNTIME_O := $(filter-out %/main.o,$(call objects,runtime/*.c runtime/*/*.c))

LIBEXEC := $(BUILD)/libexec/cdapr/components
COMPONENTS := $(sort $(patsubst components/%/,%,$(dir $(wildcard \
	components/*/*.c))))
MODULES := $(COMPONENTS:%=$(LIBEXEC)/%.so)
PROGRAMS := $(foreach c,$(COMPONENTS),$(BUILD)/components/$c/$c)
EXAMPLES := $(patsubst sdk/examples/%.c,$(BUILD)/examples/%,\
	$(wildcard sdk/examples/*.c))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,\
	$(wildcard tests/unit/test_*.c))

SDK_A := $(BUILD)/lib/libdapr-components.a
SDK_SO := $(BUILD)/lib/libdapr-components.so
RUNTIME_A := $(BUILD)/lib/runtime.a
CDAPRD := $(if $(wildcard runtime/main.c),$(BUILD)/bin/cdaprd)

# A short line for each step; V=1 shows the commands.
ifeq ($(V),)
MAKEFLAGS += --no-print-directory
say = @mkdir -p $(@D); printf '%-8s %s\n' $1 $@;
else
say = @mkdir -p $(@D)$(newline)
define newline


endef
endif

.SECONDARY:
.DELETE_ON_ERROR:

.PHONY: all
all: $(SDK_A) $(SDK_SO) $(MODULES) $(PROGRAMS) $(EXAMPLES) $(CDAPRD) ## Build everything (default)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / {printf "  %-24s %s\n", $$1, $$2}' \
		Makefile
	@echo '  BUILD=dir  SANITIZE=address,undefined  V=1  TESTS=regex'

.PHONY: deps
deps: ## Install the Debian packages that are missing
	@.ci/deps $(PACKAGES)

# ---- generated from proto/ ---------------------------------------------------

# protoc-c makes a clash of names out of a service method called Init: it gets
# the messages alone. Reflection shows the files without protoc-c's option.
$(BUILD)/gen/messages/%.proto: proto/%.proto
	$(call say,GEN)sed '/^service /,/^}/d' $< > $@

$(BUILD)/gen/plain/%.proto: proto/%.proto
	$(call say,GEN)sed -e '/protobuf-c.proto/d' -e '/pb_c_file/d' $< > $@

$(BUILD)/gen/%.pb-c.c: $(BUILD)/gen/messages/%.proto | $(MESSAGES)
	$(call say,GEN)protoc-c --c_out=$(BUILD)/gen -I$(BUILD)/gen/messages \
		-I/usr/include $<

$(DESCRIPTORS): $(PLAIN)
	$(call say,GEN)protoc -I$(BUILD)/gen/plain --descriptor_set_out=$@ $^

$(GEN_O): %.o: %.c | $(GEN_C)
	$(call say,CC)$(CC) -std=c17 -fPIC -fvisibility=hidden $(OWN) \
		-I$(BUILD)/gen -c -o $@ $<

# ---- objects -----------------------------------------------------------------

$(BUILD)/sdk/%.o: sdk/%.c Makefile | $(GEN_C)
	$(call say,CC)$(COMPILE) $(SDK_CFLAGS) -c -o $@ $<

$(BUILD)/sdk/server/descriptors.o: COMPILE += -DDESCRIPTORS='"$(DESCRIPTORS)"'
$(BUILD)/sdk/server/descriptors.o: $(DESCRIPTORS)

$(BUILD)/runtime/%.o: runtime/%.c Makefile | $(GEN_C)
	$(call say,CC)$(COMPILE) $(RUNTIME_CFLAGS) -c -o $@ $<

# Components see the public header and nothing else; cdaprd calls their main().
$(BUILD)/components/%.o: INCLUDES = -Isdk/include
$(BUILD)/components/%.o: VISIBILITY = default
$(BUILD)/components/%.o: components/%.c Makefile
	$(call say,CC)$(COMPILE) -c -o $@ $<

# ---- libraries and programs --------------------------------------------------

archive = $(call say,AR)rm -f $@; ar rcs $@ $(filter %.o,$^)

$(SDK_A): $(CORE_O) $(SERVER_O) $(GEN_O)
	$(archive)

$(SDK_SO): $(CORE_O) $(SERVER_O) $(GEN_O) sdk/dapr-components.map
	$(call say,LINK)$(LINK) -shared -Wl,-soname,$(@F).0 -Wl,-z,defs \
		-Wl,--version-script=sdk/dapr-components.map -o $@.0 \
		$(filter %.o,$^) $(SDK_LIBS) && ln -sf $(@F).0 $@

$(RUNTIME_A): $(RUNTIME_O)
	$(archive)

# Modules call the dapr_ functions of the program that loads them.
$(CDAPRD): $(BUILD)/runtime/main.o $(RUNTIME_O) $(CORE_O) $(GEN_O)
	$(call say,LINK)$(LINK) -Wl,--export-dynamic-symbol='dapr_*' -o $@ $^ \
		$(RUNTIME_LIBS)

define component
$(LIBEXEC)/$1.so: $(call objects,components/$1/*.c)
	$$(call say,LINK)$$(LINK) -shared -Wl,-Bsymbolic -o $$@ $$^ $$(LIBS_$1)

$(BUILD)/components/$1/$1: $(call objects,components/$1/*.c) $(SDK_A)
	$$(call say,LINK)$$(LINK) -o $$@ $$^ $$(LIBS_$1) $$(SDK_LIBS)
endef
$(foreach c,$(COMPONENTS),$(eval $(call component,$c)))

# An example is built as its reader would.
$(BUILD)/examples/%: sdk/examples/%.c $(SDK_A)
	$(example)

$(BUILD)/demo/%: tests/demo/%.c $(SDK_A)
	$(example)

example = $(call say,CC)$(CC) -std=c11 $(OWN) -Wall -Wextra -Wpedantic -Werror \
		-Isdk/include -MMD -MP -o $@ $^ -Wl,--as-needed $(SDK_LIBS)

# ---- tests -------------------------------------------------------------------

# A unit test links what it needs of both products. Where both have a function
# (dapr_run() in a process of its own, and in a module), the SDK's comes first.
$(BUILD)/tests/%: tests/unit/%.c $(SDK_A) $(RUNTIME_A) Makefile | $(GEN_C)
	$(call say,CC)$(COMPILE) -Itests $(SDK_CFLAGS) $(RUNTIME_CFLAGS) -o $@ $< \
		-Wl,--as-needed $(SDK_A) $(RUNTIME_A) $(SDK_A) \
		$(RUNTIME_LIBS) $(SDK_LIBS) -lcmocka -lm $(LIBS_$(*:test_%=%))

.PHONY: units
units: $(UNITS)

RUN = tests/run --build $(BUILD) $(TEST_FLAGS)
TESTS ?= .

.PHONY: check check-unit check-contract check-system
check: all units ## Run all tests; TESTS=regex selects
	@$(RUN) '$(TESTS)'
check-unit: units ## Run the tests of single modules (cmocka)
	@$(RUN) '^unit/'
check-contract: all ## Run the scripted peers
	@$(RUN) '^contract/'
check-system: all ## Run the tests of whole programs
	@$(RUN) '^system/'

.PHONY: check-asan check-tsan
check-asan: ## Build and test with ASan and UBSan
	@$(MAKE) BUILD=$(BUILD)-asan SANITIZE=address,undefined check \
		TEST_FLAGS='$(TEST_FLAGS) --slower 2'
check-tsan: ## Build and test with TSan
	@$(MAKE) BUILD=$(BUILD)-tsan SANITIZE=thread check \
		TEST_FLAGS='$(TEST_FLAGS) --slower 3'

.PHONY: test
test: deps ## Install what is missing, build, run all tests
	@$(MAKE) check

.PHONY: demo
demo: deps ## Install what is missing, build, show it at work
	@$(MAKE) all $(BUILD)/demo/orders
	@tests/demo/demo $(BUILD)

.PHONY: lint format
lint: all compile_commands.json ## Check the style
	@tests/lint/lint $(BUILD)
format: ## Format the C code
	@git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format -i

compile_commands.json: tests/lint/compile_commands Makefile $(PROTOS) \
		$(wildcard sdk/*/*.c runtime/*.c runtime/*/*.c components/*/*.c \
		tests/unit/*.c) ## Tell editors how files are compiled
	@$(MAKE) -Bn V=1 all units | $< > $@

# ---- install -----------------------------------------------------------------

LIB := $(DESTDIR)$(PREFIX)/lib
PC := $(LIB)/pkgconfig/dapr-components.pc

.PHONY: install
install: all ## Install below PREFIX (and DESTDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/dapr \
		$(LIB)/pkgconfig $(DESTDIR)$(PREFIX)/libexec/cdapr/components
	install -m 644 sdk/include/dapr/*.h $(DESTDIR)$(PREFIX)/include/dapr
	install -m 644 $(SDK_A) $(SDK_SO).0 $(LIB)
	ln -sf $(notdir $(SDK_SO)).0 $(LIB)/$(notdir $(SDK_SO))
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
		sdk/dapr-components.pc.in > $(PC) && chmod 644 $(PC)
	$(if $(CDAPRD),install $(CDAPRD) $(DESTDIR)$(PREFIX)/bin)
	$(if $(MODULES),install -m 644 $(MODULES) \
		$(DESTDIR)$(PREFIX)/libexec/cdapr/components)
	$(if $(DESTDIR),,ldconfig 2>/dev/null || :)

.PHONY: uninstall
uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/cdaprd $(PC) $(LIB)/libdapr-components.*
	rm -f $(MODULES:$(BUILD)/%=$(DESTDIR)$(PREFIX)/%)
	rm -rf $(DESTDIR)$(PREFIX)/include/dapr
	-cd $(DESTDIR)$(PREFIX) && rmdir -p libexec/cdapr/components 2>/dev/null

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan compile_commands.json

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
