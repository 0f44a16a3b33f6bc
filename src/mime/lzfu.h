/*
 * Compressed RTF (MS-OXRTFCP): "LZFu" (compressed) and "MELA" (stored), streamed:
 * 4 KiB of history and nothing else is kept.
 */
#ifndef MAILHOIST_MIME_LZFU_H
#define MAILHOIST_MIME_LZFU_H

#include "mime/reader.h"

#define LZFU_RING 4096
/* Outlook makes no RTF of this size; what is longer is cut and called damaged. */
#define LZFU_RAW_MAX (UINT64_C(200) << 20)

struct lzfu_reader {
	struct reader base; /* damaged: CRC wrong, cut short, not compressed RTF at all */
	struct reader *from;
	struct slice in;
	bool begun, ended, stored;
	uint32_t crc, said_crc;
	uint64_t in_left;	/* octets of the stream that belong to it */
	uint64_t raw_left;	/* octets still to be delivered by what the header says */
	unsigned control, bits; /* control byte, and how many of its bits are left */
	unsigned at;		/* write position in the ring */
	uint8_t ring[LZFU_RING];
	char out[4096];
};

struct reader *lzfu_reader_start(struct lzfu_reader *r, struct reader *from);

#endif
