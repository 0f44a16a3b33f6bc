/*
 * Octets on their way into a message, pulled in pieces through a chain of
 * readers: a blob, decompressed, de-encapsulated, converted, line ends made
 * canonical. A reader never fails: where the store has lost something it ends
 * early, and says so (`damaged`).
 */
#ifndef MAILHOIST_MIME_READER_H
#define MAILHOIST_MIME_READER_H

#include "mapi/codepage.h"
#include "mapi/item.h"

#define READER_PIECE 32768 /* octets a piece, about */

struct reader {
	/* The next piece (not empty), valid until the next call: true; false at the end. */
	bool (*next)(struct reader *r, struct slice *out);
	bool damaged;
};

/* The octets of a blob. One that fits into the buffer is read once, however often it is started. */
struct blob_reader {
	struct reader base;
	struct mapi_blob blob;
	uint64_t off;
	uint64_t cached; /* the buffer holds the blob's first octets: so many */
	char bytes[READER_PIECE];
};
struct reader *blob_reader_start(struct blob_reader *r, const struct mapi_blob *blob);
/* Forget what was read: before the first start, and whenever another item or attachment comes,
 * whose blobs may be called the same. */
void blob_reader_init(struct blob_reader *r);

/* Lines that end in CR LF, however they ended; NUL left out. */
struct line_reader {
	struct reader base;
	struct reader *from;
	struct slice in;
	bool after_cr;
	char bytes[8192];
};
struct reader *line_reader_start(struct line_reader *r, struct reader *from);

/* The first octets of a UTF-8 text, `max` at most, no character cut. False: there is more of it, or
 * some of it cannot be read. */
bool reader_head(struct reader *r, size_t max, struct buf *out);

/* Text of a code page as UTF-8. `base.damaged` too where something was guessed. */
struct charset_reader {
	struct reader base;
	struct reader *from;
	struct codepages *codepages;
	int codepage;
	bool begun, ended;
	uint8_t left[16]; /* of a character cut by the end of a piece */
	size_t n_left;
	struct buf in, out;
};
struct reader *charset_reader_start(struct charset_reader *r, struct reader *from,
				    struct codepages *codepages, int codepage);
void charset_reader_release(struct charset_reader *r);

/* HTML whose <meta> charset, where its first 4 KiB hold one, becomes "utf-8". */
#define META_HEAD 4096
struct meta_reader {
	struct reader base;
	struct reader *from;
	struct slice rest; /* of the piece behind the head */
	int step;
	size_t head, name, name_end; /* octets in `bytes`; where the name stands */
	char bytes[META_HEAD];
};
struct reader *meta_reader_start(struct meta_reader *r, struct reader *from);

/* Where the first octets of an HTML text name their charset: false if they don't. */
bool html_charset(struct slice head, struct slice *out);

#endif
