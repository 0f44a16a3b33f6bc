/*
 * Sixteen bytes at once: a GCC extension that clang has too, and that any processor's compiler
 * lowers to what it has.
 */
#ifndef MAILHOIST_BASE_VEC_H
#define MAILHOIST_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t vec __attribute__((vector_size(16)));
#define VEC_LEN 16

static inline vec vec_load(const char *p)
{
	vec v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline vec vec_all(char c)
{
	uint8_t u = (uint8_t)c;

	return (vec){ u, u, u, u, u, u, u, u, u, u, u, u, u, u, u, u };
}

static inline bool vec_any(vec v)
{
	uint64_t halves[2];

	memcpy(halves, &v, sizeof(halves));
	return (halves[0] | halves[1]) != 0;
}

/* The bytes before the first one that is not zero: VEC_LEN if all are. */
static inline size_t vec_zeros(vec v)
{
	uint64_t halves[2];

	memcpy(halves, &v, sizeof(halves));
	for (size_t i = 0; i < 2; i++)
		if (halves[i])
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			return 8 * i + (size_t)__builtin_ctzll(halves[i]) / 8;
#else
			return 8 * i + (size_t)__builtin_clzll(halves[i]) / 8;
#endif
	return VEC_LEN;
}

#endif
