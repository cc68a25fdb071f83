# SPDX-License-Identifier: Apache-2.0
# Everything is found by being there: a new .c file, component, example or test
# needs no line here.

VERSION := 0.1.0
PREFIX ?= /usr/local
CC := gcc
SANITIZE ?=
BUILD := build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
comma := ,

PACKAGES_SDK := grpc libprotobuf-c
PACKAGES_RUNTIME := libuv libnghttp2 libprotobuf-c yaml-0.1

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
	-Wwrite-strings -Wvla -Wformat=2 -Wno-format-nonliteral -Werror
CFLAGS ?= -O2 -g
SANITIZERS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)
INCLUDES := -Isdk/include -Isdk -Iruntime -I. -I$(BUILD)/gen
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(CFLAGS) \
	$(WARNINGS) $(SANITIZERS) $(INCLUDES) -MMD -MP
LINK = $(CC) $(CFLAGS) $(SANITIZERS) $(LDFLAGS)

PROTOS := $(shell find proto -name '*.proto')
GEN_C := $(PROTOS:proto/%.proto=$(BUILD)/gen/%.pb-c.c)
GEN_O := $(GEN_C:.c=.o)
DESCRIPTORS := $(BUILD)/gen/descriptors.pb
PLAIN := $(filter-out %_names.proto,$(PROTOS:proto/%=$(BUILD)/gen/plain/%))

CORE_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard sdk/core/*.c))
SERVER_O := $(patsubst %.c,$(BUILD)/%.o,$(wildcard sdk/server/*.c))
RUNTIME_C := $(filter-out runtime/main.c,$(wildcard runtime/*.c runtime/*/*.c))
RUNTIME_O := $(RUNTIME_C:%.c=$(BUILD)/%.o)

COMPONENTS := $(notdir $(patsubst %/,%,$(dir $(wildcard components/*/*.c))))
COMPONENTS := $(sort $(COMPONENTS))
MODULES := $(COMPONENTS:%=$(BUILD)/libexec/cdapr/components/%.so)
PROGRAMS := $(COMPONENTS:%=$(BUILD)/components/%)
EXAMPLES := $(patsubst sdk/examples/%.c,$(BUILD)/examples/%,\
	$(wildcard sdk/examples/*.c))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

SDK_A := $(BUILD)/lib/libdapr-components.a
SDK_SO := $(BUILD)/lib/libdapr-components.so
RUNTIME_A := $(BUILD)/lib/runtime.a
CDAPRD := $(BUILD)/bin/cdaprd

.SECONDARY:
.DELETE_ON_ERROR:

.PHONY: all
all: $(SDK_A) $(SDK_SO) $(MODULES) $(PROGRAMS) $(EXAMPLES) \
	$(if $(wildcard runtime/main.c),$(CDAPRD))

# ---- generated from proto/ ---------------------------------------------------

# protoc-c makes a clash of names out of a service method called Init: it gets
# the messages alone. Reflection shows the files without protoc-c's option.
$(BUILD)/gen/messages/%.proto: proto/%.proto
	@mkdir -p $(@D)
	sed '/^service /,/^}/d' $< > $@

$(BUILD)/gen/plain/%.proto: proto/%.proto
	@mkdir -p $(@D)
	sed -e '/protobuf-c.proto/d' -e '/pb_c_file/d' $< > $@

$(BUILD)/gen/%.pb-c.c: $(BUILD)/gen/messages/%.proto | $(PROTOS:proto/%=$(BUILD)/gen/messages/%)
	protoc-c --c_out=$(BUILD)/gen -I$(BUILD)/gen/messages -I/usr/include $<

$(DESCRIPTORS): $(PLAIN)
	protoc -I$(BUILD)/gen/plain --descriptor_set_out=$@ $^

$(GEN_O): %.o: %.c | $(GEN_C)
	$(CC) -std=c17 -fPIC -fvisibility=hidden $(CFLAGS) $(SANITIZERS) \
		-I$(BUILD)/gen -c -o $@ $<

# ---- objects -----------------------------------------------------------------

$(BUILD)/sdk/%.o: sdk/%.c | $(GEN_C)
	@mkdir -p $(@D)
	$(COMPILE) $(shell pkg-config --cflags $(PACKAGES_SDK)) -c -o $@ $<

$(BUILD)/sdk/server/descriptors.o: COMPILE += -DDESCRIPTORS='"$(DESCRIPTORS)"'
$(BUILD)/sdk/server/descriptors.o: $(DESCRIPTORS)

$(BUILD)/runtime/%.o: runtime/%.c | $(GEN_C)
	@mkdir -p $(@D)
	$(COMPILE) -DCDAPR_VERSION='"$(VERSION)"' \
		$(shell pkg-config --cflags $(PACKAGES_RUNTIME)) -c -o $@ $<

# Components see the public header and nothing else.
$(BUILD)/components/%.o: INCLUDES = -Isdk/include -Icomponents
$(BUILD)/components/%.o: components/%.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# ---- libraries and programs --------------------------------------------------

$(SDK_A): $(CORE_O) $(SERVER_O) $(GEN_O)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(SDK_SO): $(CORE_O) $(SERVER_O) $(GEN_O) sdk/dapr-components.map
	@mkdir -p $(@D)
	$(LINK) -shared -Wl,-soname,libdapr-components.so.0 \
		-Wl,--version-script=sdk/dapr-components.map -Wl,-z,defs -o $@ \
		$(filter %.o,$^) $(shell pkg-config --libs $(PACKAGES_SDK)) -lpthread
	ln -sf $(@F) $@.0

$(RUNTIME_A): $(RUNTIME_O) $(CORE_O) $(GEN_O)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

# Modules call the dapr_ functions of the program that loads them.
$(CDAPRD): $(BUILD)/runtime/main.o $(RUNTIME_O) $(CORE_O) $(GEN_O) \
		sdk/dapr-components.map
	@mkdir -p $(@D)
	$(LINK) -Wl,--gc-sections -Wl,--export-dynamic-symbol='dapr_*' -o $@ \
		$(filter %.o,$^) $(shell pkg-config --libs $(PACKAGES_RUNTIME)) \
		-lhttp_parser -ldl -lpthread

component_objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard components/$(1)/*.c))

define component_rules
$(BUILD)/libexec/cdapr/components/$(1).so: $(call component_objects,$(1))
	@mkdir -p $$(@D)
	$$(LINK) -shared -o $$@ $$^ $$(LIBS_$(1))

$(BUILD)/components/$(1)/$(1): $(call component_objects,$(1)) $(SDK_A)
	$$(LINK) -o $$@ $$^ $$(LIBS_$(1)) \
		$$(shell pkg-config --libs $(PACKAGES_SDK)) -lpthread
endef
$(foreach c,$(COMPONENTS),$(eval $(call component_rules,$(c))))
PROGRAMS := $(foreach c,$(COMPONENTS),$(BUILD)/components/$(c)/$(c))

$(BUILD)/examples/%: sdk/examples/%.c $(SDK_A)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) -Wall -Wextra -Werror $(SANITIZERS) -Isdk/include \
		-o $@ $< $(SDK_A) $(shell pkg-config --libs $(PACKAGES_SDK)) -lpthread

# ---- tests -------------------------------------------------------------------

# A unit test links everything of both products but main.
$(BUILD)/tests/%: tests/unit/%.c $(RUNTIME_A) $(SERVER_O)
	@mkdir -p $(@D)
	$(COMPILE) -Itests $(shell pkg-config --cflags $(PACKAGES_SDK) \
		$(PACKAGES_RUNTIME)) -MF $@.d -o $@ $< -Wl,--gc-sections \
		$(UNIT_OBJECTS_$(*F)) $(RUNTIME_A) \
		$(shell pkg-config --libs $(PACKAGES_RUNTIME) cmocka) \
		-lhttp_parser -ldl -lpthread

.PHONY: units
units: $(UNITS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
