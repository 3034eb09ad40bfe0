# The core as a library for the host, plain and with sanitizers: core/*.c, littlefs in full, of BearSSL
# hashes and ECDSA.
#
# littlefs asserts on misuse by its caller and on states that only a damaged file system leads to. It is compiled
# without assertions: what it reads is checked by return values. The sanitizer build and the tests with damaged file
# systems hold that to be enough.

CORE_SOURCES := $(sort $(wildcard core/*.c))
LITTLEFS_SOURCES := deps/littlefs/lfs.c deps/littlefs/lfs_util.c
BEARSSL_SOURCES := $(addprefix deps/bearssl/src/, \
    hash/sha2small.c hash/md5.c codec/ccopy.c \
    $(foreach size,16 32 64,codec/dec$(size)be.c codec/dec$(size)le.c codec/enc$(size)be.c codec/enc$(size)le.c))
# What the check of a signature adds (core/p256.c).
BEARSSL_SOURCES += $(addprefix deps/bearssl/src/, \
    ec/ec_prime_i15.c ec/ecdsa_i15_vrfy_asn1.c ec/ecdsa_i15_vrfy_raw.c ec/ecdsa_i15_bits.c ec/ecdsa_atr.c \
    ec/ec_secp256r1.c ec/ec_secp384r1.c ec/ec_secp521r1.c \
    $(foreach part,add bitlen decmod decode encode fmont iszero modpow montmul muladd ninv15 rshift sub tmont, \
        int/i15_$(part).c))
# Making keys and signatures, for the host and the tests alone.
BEARSSL_SIGNING_SOURCES := $(addprefix deps/bearssl/src/, \
    ec/ecdsa_i15_sign_asn1.c ec/ecdsa_i15_sign_raw.c ec/ecdsa_rta.c ec/ec_keygen.c ec/ec_pubkey.c \
    mac/hmac.c rand/hmac_drbg.c rand/sysrng.c codec/pemdec.c codec/pemenc.c \
    x509/skey_decoder.c x509/asn1enc.c x509/encode_ec_rawder.c x509/encode_ec_pk8der.c)
LIBCORE_SOURCES := $(CORE_SOURCES) $(LITTLEFS_SOURCES) $(BEARSSL_SOURCES) $(BEARSSL_SIGNING_SOURCES)

$(LIBCORE): $(call host_objects,$(LIBCORE_SOURCES))
	$(archive)

$(ASAN_LIBCORE): $(call asan_objects,$(LIBCORE_SOURCES))
	$(archive)

ALL += $(LIBCORE)
