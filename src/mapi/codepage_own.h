/*
 * The code pages for which iconv(3) of glibc has no table, or a wrong one: three
 * of the Macintosh, and HZ, the way to write GB 2312 in seven bits. For codepage.c
 * alone.
 */
#ifndef MAILHOIST_MAPI_CODEPAGE_OWN_H
#define MAILHOIST_MAPI_CODEPAGE_OWN_H

#include "base/buf.h"

#define CODEPAGE_HALF 128
#define CODEPAGE_HZ   52936

/* What the octets from 0x80 on stand for (0: nothing), or NULL: not one of these pages. */
const uint16_t *codepage_half(int cp);

/* Append `in` as UTF-8. Returns 1 where an octet stands for nothing, else 0. */
int codepage_from_half(const uint16_t *half, struct slice in, struct buf *out);

/* The next character of HZ as *len octets of GBK: none for a command, an impossible one for what
 * has no meaning. `pairs`: where the text stands, false at its beginning. Returns how many octets
 * of `in` it took; 0: it is cut (never with `last`), or there is none. */
size_t hz_next(bool *pairs, bool last, struct slice in, char gb[2], size_t *len);

#endif
