/*
 * A streaming JSON writer (RFC 8259). It builds no tree: every call appends to
 * a buffer. Commas are placed by the writer. Bytes that are not UTF-8 become
 * U+FFFD, so that the output is always valid.
 */
#ifndef MAILHOIST_BASE_JSON_H
#define MAILHOIST_BASE_JSON_H

#include "base/buf.h"

struct json {
	struct buf *out;
	uint32_t depth;
	uint64_t has_member; /* bit per depth: a comma is due */
	bool after_key;
};

void json_init(struct json *j, struct buf *out);
void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_key(struct json *j, const char *key);
void json_string(struct json *j, struct slice s);
void json_cstr(struct json *j, const char *text); /* NULL: null */
void json_u64(struct json *j, uint64_t n);
void json_i64(struct json *j, int64_t n);
void json_bool(struct json *j, bool b);
void json_null(struct json *j);
void json_hex(struct json *j, const uint8_t *bytes, size_t len);
void json_time(struct json *j, int64_t t); /* RFC 3339; TIME_NONE: null */

/* A key and its value in one. */
void json_put_open(struct json *j, const char *key, char bracket);
void json_put_text(struct json *j, const char *key, const char *text); /* NULL: null */
void json_put_number(struct json *j, const char *key, uint64_t n);
void json_put_bool(struct json *j, const char *key, bool b);
void json_put_time(struct json *j, const char *key, int64_t t);

#endif
