/*
 * The map of named properties (names.h): three streams of node 0x61: property sets,
 * entries, strings.
 */
#include "pst/names.h"

#include <stdlib.h>

#include "pst/bytes.h"

#define ENTRIES_MAX (32768 * 8) /* property ids 0x8000 to 0xffff */
#define GUIDS_MAX   (32768 * 16)
#define STRINGS_MAX (8 << 20)

/* Property sets {0002032x/0006200x-0000-0000-C000-000000000046}, by their first four octets. */
static const struct {
	uint32_t first;
	enum mapi_set set;
} microsoft[] = {
	{ 0x00020329, MAPI_SET_PUBLIC_STRINGS }, { 0x00020386, MAPI_SET_INTERNET_HEADERS },
	{ 0x00062008, MAPI_SET_COMMON },	 { 0x00062002, MAPI_SET_APPOINTMENT },
	{ 0x00062004, MAPI_SET_ADDRESS },	 { 0x00062003, MAPI_SET_TASK },
	{ 0x0006200e, MAPI_SET_NOTE },
};
static const uint8_t microsoft_tail[12] = { 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46 };
static const uint8_t meeting[16] = { 0x90, 0xda, 0xd8, 0x6e, 0x0b, 0x45, 0x1b, 0x10,
				     0x98, 0xda, 0x00, 0xaa, 0x00, 0x3f, 0x13, 0x05 };

static enum mapi_set set_of(const uint8_t *guid)
{
	if (memcmp(guid, meeting, sizeof(meeting)) == 0)
		return MAPI_SET_MEETING;
	if (memcmp(guid + 4, microsoft_tail, sizeof(microsoft_tail)) != 0)
		return MAPI_SET_OTHER;
	for (size_t i = 0; i < sizeof(microsoft) / sizeof(microsoft[0]); i++)
		if (get32(guid) == microsoft[i].first)
			return microsoft[i].set;
	return MAPI_SET_OTHER;
}

static uint32_t hash_step(uint32_t h, uint32_t c)
{
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	return (h ^ c) * 16777619u;
}

/* The string at `offset`: u32 length in bytes, UTF-16. */
static struct slice string_at(const struct names *s, uint32_t offset)
{
	struct slice rest = slice_from(s->strings, offset);

	if (rest.len < 4)
		return slice_of("", 0);
	return slice_head(slice_from(rest, 4), get32(rest.ptr));
}

static uint32_t hash_utf16(struct slice utf16)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i + 1 < utf16.len; i += 2)
		h = hash_step(h, get16(utf16.ptr + i));
	return h;
}

static bool equal(struct slice utf16, const char *name)
{
	size_t i = 0;

	for (; i + 1 < utf16.len && name[i / 2]; i += 2)
		if (hash_step(0, get16(utf16.ptr + i)) != hash_step(0, (uint8_t)name[i / 2]))
			return false;
	return i + 1 >= utf16.len && !name[i / 2];
}

static int compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->text != y->text)
		return x->text ? 1 : -1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

int names_load(struct names *s, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err)
{
	struct slice guids, entries;
	struct props p;

	*s = (struct names){ .list = NULL };
	if (props_open(&p, n, texts, data, sub, a, err) < 0)
		return -1;
	guids = props_bytes(&p, 2, GUIDS_MAX, a);
	entries = props_bytes(&p, 3, ENTRIES_MAX, a);
	s->strings = props_bytes(&p, 4, STRINGS_MAX, a);
	if (p.v.degraded)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "its streams cannot be read");
	s->list = arena_alloc(a, (entries.len / 8 + 1) * sizeof(*s->list));
	if (!s->list)
		return err_nomem(err);
	for (size_t i = 0; i + 8 <= entries.len; i += 8) {
		uint16_t kind = get16(entries.ptr + i + 4);
		size_t guid = kind >> 1;
		struct named *to = &s->list[s->n++];

		to->key = to->offset = get32(entries.ptr + i);
		to->text = kind & 1;
		to->id = (uint16_t)(0x8000 + get16(entries.ptr + i + 6));
		to->set = guid == 2 ? MAPI_SET_PUBLIC_STRINGS : MAPI_SET_OTHER;
		if (guid >= 3 && (guid - 2) * 16 <= guids.len)
			to->set = (uint8_t)set_of((const uint8_t *)guids.ptr + (guid - 3) * 16);
		if (to->text)
			to->key = hash_utf16(string_at(s, to->offset));
	}
	qsort(s->list, s->n, sizeof(*s->list), compare);
	return 0;
}

/* The first entry of that key. */
static size_t find(const struct names *s, bool text, uint32_t key)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct named *e = &s->list[mid];

		if (e->text != text ? text : e->key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint16_t names_lid(const struct names *s, enum mapi_set set, uint32_t lid)
{
	for (size_t i = find(s, false, lid); i < s->n; i++) {
		const struct named *e = &s->list[i];

		if (e->text || e->key != lid)
			break;
		if (e->set == set)
			return e->id;
	}
	return 0;
}

uint16_t names_text(const struct names *s, enum mapi_set set, const char *name)
{
	uint32_t key = 2166136261u;

	for (const char *c = name; *c; c++)
		key = hash_step(key, (uint8_t)*c);
	for (size_t i = find(s, true, key); i < s->n; i++) {
		const struct named *e = &s->list[i];

		if (!e->text || e->key != key)
			break;
		if (e->set == set && equal(string_at(s, e->offset), name))
			return e->id;
	}
	return 0;
}
