/*
 * Numbers as Outlook stores write them: little-endian, at any alignment.
 */
#ifndef MAILHOIST_PST_BYTES_H
#define MAILHOIST_PST_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const void *at)
{
	uint16_t n;

	memcpy(&n, at, sizeof(n));
	return le16toh(n);
}

static inline uint32_t get32(const void *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return le32toh(n);
}

static inline uint64_t get64(const void *at)
{
	uint64_t n;

	memcpy(&n, at, sizeof(n));
	return le64toh(n);
}

#endif
