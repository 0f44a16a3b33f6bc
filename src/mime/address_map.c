/*
 * The address map. See address_map.h. A hash table with open addressing; keys
 * are folded to lower case (ASCII), so that "/O=ORG/..." and "/o=Org/..." meet.
 */
#include "mime/address_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define SLOTS_FIRST 64
#define TEXT_MAX    2048	       /* a longer name or address is none */
#define LEARN_MAX   ((size_t)32 << 20) /* bytes of texts */

struct entry {
	const char *key, *address; /* NULL: free slot */
	bool by_user;
};

struct address_map {
	struct arena texts;
	struct entry *slots;
	size_t n_slots, used;
};

struct address_map *address_map_new(void)
{
	struct address_map *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->texts = (struct arena)ARENA_INIT(LEARN_MAX);
	m->slots = calloc(SLOTS_FIRST, sizeof(*m->slots));
	m->n_slots = SLOTS_FIRST;
	if (m->slots == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void address_map_free(struct address_map *m)
{
	if (m == NULL)
		return;
	arena_release(&m->texts);
	free(m->slots);
	free(m);
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static uint64_t hash(struct slice key)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < key.len; i++)
		h = (h ^ (unsigned char)fold(key.ptr[i])) * UINT64_C(1099511628211);
	return h ^ h >> 32;
}

/* The slot of `key`: its own, or the free one where it would go. */
static struct entry *slot_of(const struct address_map *m, struct slice key)
{
	size_t at = (size_t)hash(key) & (m->n_slots - 1);

	while (m->slots[at].key != NULL && !slice_ieq(slice_str(m->slots[at].key), key))
		at = (at + 1) & (m->n_slots - 1);
	return &m->slots[at];
}

static bool make_room(struct address_map *m)
{
	struct address_map bigger = *m;

	if (m->used * 4 < m->n_slots * 3)
		return true;
	bigger.n_slots = m->n_slots * 2;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key != NULL)
			*slot_of(&bigger, slice_str(m->slots[i].key)) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

/* False: no room for it. What is there already stays, but for the user's lines. */
static bool add(struct address_map *m, struct slice key, struct slice address, bool by_user)
{
	struct entry *slot = slot_of(m, key), new = { .by_user = by_user };

	if (slot->key != NULL && (slot->by_user || !by_user))
		return true;
	if (slot->key == NULL && (m->used == ADDRESS_MAP_MAX || !make_room(m)))
		return false;
	slot = slot_of(m, key);
	new.key = slot->key != NULL ? slot->key : arena_slice(&m->texts, key);
	new.address = arena_slice(&m->texts, address);
	if (new.key == NULL || new.address == NULL)
		return false;
	m->used += slot->key == NULL;
	*slot = new;
	return true;
}

/* "local@domain" without blanks, controls or brackets. */
static bool is_address(struct slice s)
{
	ptrdiff_t at = slice_find(s, '@');

	if (at <= 0 || (size_t)at + 1 >= s.len || s.len > TEXT_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] == 0x7f || s.ptr[i] == '<' || s.ptr[i] == '>')
			return false;
	return true;
}

/* Cut `line` at its tab, or else at its last '='. */
static bool split_line(struct slice line, struct slice *key, struct slice *address)
{
	ptrdiff_t cut = slice_find(line, '\t');

	for (size_t i = line.len; cut < 0 && i-- > 0;)
		if (line.ptr[i] == '=')
			cut = (ptrdiff_t)i;
	if (cut < 0)
		return false;
	*key = slice_trim(slice_head(line, (size_t)cut));
	*address = slice_trim(slice_from(line, (size_t)cut + 1));
	return key->len > 0 && key->len <= TEXT_MAX && is_address(*address);
}

int address_map_read(struct address_map *m, struct slice text, struct err *err)
{
	struct slice line, key, address;

	for (unsigned number = 1; slice_line(&text, &line); number++) {
		line = slice_trim(line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (!split_line(line, &key, &address))
			return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER,
				       "line %u of the address map is not NAME=user@example.org",
				       number);
		if (!add(m, key, address, true))
			return err_set(err, ERR_LIMIT, SCOPE_RUN, RETRY_NEVER,
				       "the address map has more than %d lines", ADDRESS_MAP_MAX);
	}
	return 0;
}

void address_map_learn(struct address_map *m, const struct mapi_person *person)
{
	struct slice dn = slice_str(person->address), smtp = slice_trim(slice_str(person->smtp));

	if (person->addr_type == NULL || dn.len == 0 || dn.len > TEXT_MAX || !is_address(smtp))
		return;
	if (slice_ieq(slice_str(person->addr_type), SLICE_LIT("EX")))
		add(m, dn, smtp, false);
}

const char *address_map_find(const struct address_map *m, const char *x500)
{
	struct slice key = slice_trim(slice_str(x500));

	return key.len > 0 ? slot_of(m, key)->address : NULL;
}
