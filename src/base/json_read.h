/*
 * A pull reader for JSON (RFC 8259) that other programs wrote. It builds no
 * tree: every call delivers one token of the text. Tolerant where nothing is
 * lost by it: a BOM, commas too many or missing. Bounded in depth and in the
 * length of a string.
 */
#ifndef MAILHOIST_BASE_JSON_READ_H
#define MAILHOIST_BASE_JSON_READ_H

#include "base/buf.h"

#define JSON_READ_DEPTH_MAX  32		/* nesting; clients' state files need three or four */
#define JSON_READ_STRING_MAX (1u << 16) /* bytes of one key or string */

enum json_token_kind {
	JSON_OPEN_OBJECT,
	JSON_OPEN_ARRAY,
	JSON_CLOSE, /* of the innermost object or array */
	JSON_KEY,
	JSON_STRING,
	JSON_NUMBER, /* text as it stands */
	JSON_WORD,   /* true, false, null */
};

struct json_token {
	enum json_token_kind kind;
	uint32_t
		depth; /* containers open around the token (an object's own brackets: without it) */
	struct slice text; /* UTF-8, unescaped; valid until the next call. May hold NUL. */
};

struct json_reader {
	struct slice rest;
	size_t read; /* bytes consumed, for errors */
	uint32_t depth;
	char open[JSON_READ_DEPTH_MAX]; /* '{' or '[' */
	bool want_value;		/* behind a key */
	struct buf text;
};

/* Read `text`, which must outlive the reader. */
void json_reader_init(struct json_reader *r, struct slice text);
void json_reader_release(struct json_reader *r);

/* The next token: 1; 0 at the end of the text; -1 (ERR_FORMAT, ERR_LIMIT, SCOPE_FOLDER). */
int json_reader_next(struct json_reader *r, struct json_token *out, struct err *err);

#endif
