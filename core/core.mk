# The core as a library for the host, plain and with sanitizers: core/*.c, littlefs in full, BearSSL's hashes.
#
# littlefs asserts on misuse by its caller and on states that only a damaged file system leads to. It is compiled
# without assertions: what it reads is checked by return values. The sanitizer build and the tests with damaged file
# systems hold that to be enough.

CORE_SOURCES := $(sort $(wildcard core/*.c))
LITTLEFS_SOURCES := deps/littlefs/lfs.c deps/littlefs/lfs_util.c
BEARSSL_SOURCES := $(addprefix deps/bearssl/src/, \
    hash/sha2small.c hash/md5.c codec/ccopy.c \
    $(foreach size,16 32 64,codec/dec$(size)be.c codec/dec$(size)le.c codec/enc$(size)be.c codec/enc$(size)le.c))
LIBCORE_SOURCES := $(CORE_SOURCES) $(LITTLEFS_SOURCES) $(BEARSSL_SOURCES)

$(LIBCORE): $(call host_objects,$(LIBCORE_SOURCES))
	$(archive)

$(ASAN_LIBCORE): $(call asan_objects,$(LIBCORE_SOURCES))
	$(archive)

ALL += $(LIBCORE)
