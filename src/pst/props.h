/*
 * Properties (MS-PST 2.3.3) and their values, which are the same in property
 * contexts and in table rows: small ones stand in place, others in the heap or in a
 * subnode.
 */
#ifndef MAILHOIST_PST_PROPS_H
#define MAILHOIST_PST_PROPS_H

#include "pst/heap.h"
#include "pst/texts.h"

/* Types (MS-OXCDATA 2.11.1). */
enum prop_type {
	TYPE_INT16 = 0x02,
	TYPE_INT32 = 0x03,
	TYPE_FLOAT = 0x04,
	TYPE_DOUBLE = 0x05,
	TYPE_CURRENCY = 0x06,
	TYPE_APPTIME = 0x07,
	TYPE_ERROR = 0x0a,
	TYPE_BOOL = 0x0b,
	TYPE_OBJECT = 0x0d,
	TYPE_INT64 = 0x14,
	TYPE_TEXT8 = 0x1e,
	TYPE_TEXT16 = 0x1f,
	TYPE_TIME = 0x40,
	TYPE_GUID = 0x48,
	TYPE_BINARY = 0x102,
	TYPE_MV_TEXT8 = 0x101e,
	TYPE_MV_TEXT16 = 0x101f,
	TYPE_MV_BINARY = 0x1102,
};

struct prop {
	uint16_t id, type;
	bool here; /* `value` is it; else `value` is the HNID of it */
	uint64_t value;
};

/* Where values live, and what became of them. */
struct values {
	struct ndb *n;
	struct texts *texts;
	struct heap heap;
	uint64_t sub;	   /* subnodes */
	int cp;		   /* of 8-bit texts */
	uint32_t degraded; /* enum mapi_degraded: grows */
};

/* Where one value lies. Its bytes in the heap are valid until another block is read. */
struct place {
	uint64_t bid; /* 0: in the heap */
	struct slice bytes;
};

/* Bits 0..8 of a value that has that many bytes: 0 for texts, binaries, multiple values. */
unsigned prop_width(uint16_t type);

int value_place(struct values *v, const struct prop *p, struct place *out, struct err *err);

/* A copy of a binary value in `a`. ERR_LIMIT: longer than `max`. */
int value_bytes(struct values *v, const struct prop *p, size_t max, struct arena *a,
		struct slice *out, struct err *err);

/* A number, time, or boolean as it is stored; false if it has no such value. */
bool value_fixed(struct values *v, const struct prop *p, uint64_t *out);

/* A text as UTF-8 in `a`, up to its first NUL. NULL: absent (p NULL), or unreadable (then
 * v->degraded has MAPI_DEGRADED_BLOCK). Longer than TEXT_KEPT_MAX: cut there (the same bit). */
const char *value_text(struct values *v, const struct prop *p, struct arena *a);

/* Texts of a multiple value: their number, into *out (in `a`). */
size_t value_texts(struct values *v, const struct prop *p, struct arena *a, const char ***out);

/* A multiple value cut up: element i of `bytes`. False: there is none. */
bool multiple_at(struct slice bytes, size_t i, struct slice *out);

/* Any value, as the interface has it. Larger than 64 KiB, or unreadable: false. */
#define VALUE_MAX 65536
bool value_any(struct values *v, const struct prop *p, struct arena *a, struct mapi_value *out);

/* ---- property contexts ---- */

struct props {
	struct values v;
	struct prop *list; /* by id, each once */
	size_t n;
};

/* Load the list (not the values) into `a`. */
int props_open(struct props *p, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err);

const struct prop *props_find(const struct props *p, uint16_t id); /* or NULL */
const char *props_text(struct props *p, uint16_t id, struct arena *a);
int32_t props_int(struct props *p, uint16_t id);   /* or MAPI_NONE */
uint64_t props_time(struct props *p, uint16_t id); /* or 0 */
bool props_bool(struct props *p, uint16_t id);
struct slice props_bytes(struct props *p, uint16_t id, size_t max, struct arena *a); /* or empty */

#endif
