/*
 * XXH3-128 of libxxhash. See checksum.h. On x86 the library's own choice by what the processor
 * has: what the compiler may take for granted (SSE2) is half as fast.
 */
#include "message/checksum.h"

#include <string.h>

#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* XXH3_128bits_update() and others become those that choose */
#else
#include <xxhash.h>
#endif

_Static_assert(sizeof(XXH128_canonical_t) == CHECKSUM_LEN, "what is kept in the journal");

/* The state's inside is the library's (XXH3_createState() aligns it). */
struct checksum;

static XXH3_state_t *state_of(struct checksum *c)
{
	return (XXH3_state_t *)(void *)c;
}

struct checksum *checksum_new(void)
{
	return (struct checksum *)(void *)XXH3_createState();
}

void checksum_free(struct checksum *c)
{
	XXH3_freeState(state_of(c));
}

void checksum_start(struct checksum *c)
{
	XXH3_128bits_reset(state_of(c));
}

void checksum_add(struct checksum *c, struct slice bytes)
{
	XXH3_128bits_update(state_of(c), bytes.ptr, bytes.len);
}

void checksum_end(struct checksum *c, uint8_t out[CHECKSUM_LEN])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_of(c)));
	memcpy(out, canonical.digest, CHECKSUM_LEN);
}
