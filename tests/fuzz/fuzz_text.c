/*
 * Fuzz target: small texts that people or other programs write: profiles.conf, profiles.ini,
 * folderCache.json, the state of MH folders, address maps, saved plans, URLs, locators, and what
 * stands behind options. The first octet says which. Checked: what each header promises of what was
 * read; a locator's name is read as it was written.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/saved_plan.h"
#include "cli/url.h"
#include "imap/profile.h"
#include "mime/address_map.h"
#include "net/cert.h"
#include "source/mbox_locator.h"
#include "source/mh_state.h"
#include "source/tb_layout.h"
#include "transfer/gate.h"

#define ARENA_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void read_profile(struct slice text, struct arena *a)
{
	struct profile_signs signs = { .capabilities = SLICE_LIT("IMAP4rev1 UIDPLUS X-GM-EXT-1"),
				       .greeting = SLICE_LIT("Dovecot ready."),
				       .id = SLICE_LIT("name x") };
	struct profile p;
	struct err err = ERR_INIT;

	if (profile_find(text, &signs, NULL, a, &p, &err) >= 0)
		check(p.name && p.title);
	(void)profile_find(text, &signs, "gmail", a, &p, &err);
}

static void read_ini(struct slice text, struct arena *a)
{
	struct tb_ini_profile ini;

	(void)a;
	while (tb_ini_next(&text, &ini))
		check(ini.path.len == 0 || tb_last_component(ini.path).len <= ini.path.len);
}

static void read_cache(struct slice text, struct arena *a)
{
	struct tb_cache cache = { 0 };
	struct err err = ERR_INIT;

	(void)tb_cache_parse(text, a, &cache, &err);
	for (size_t i = 0; i < cache.n; i++) {
		check(cache.list[i].path != NULL);
		(void)tb_cache_find(&cache, cache.list[i].path);
	}
}

/* A folder's state is two files: what is behind the first NUL is Sylpheed's. */
static void read_mh(struct slice text, struct arena *a)
{
	struct slice sequences = slice_cut(&text, '\0');
	struct mh_state state = MH_STATE_INIT;
	struct err err = ERR_INIT;
	bool valid, forwarded;

	(void)a;
	if (mh_state_add_sequences(&state, sequences, &err) == 0 &&
	    mh_state_add_marks(&state, text, &valid, &err) == 0)
		for (uint32_t number = 0; number < 20; number++)
			check((mh_state_flags(&state, number, &forwarded) & ~FLAG_ALL) == 0);
	mh_state_release(&state);
}

static void read_address_map(struct slice text, struct arena *a)
{
	struct address_map *map = address_map_new();
	struct err err = ERR_INIT;

	(void)a;
	check(map != NULL);
	if (address_map_read(map, text, &err) == 0)
		(void)address_map_find(map, "/o=x/ou=y/cn=z");
	else
		check(err.code == ERR_CONFIG);
	address_map_free(map);
}

static void read_saved_plan(struct slice text, struct arena *a)
{
	struct options o = { .password_fd = -1 };
	const char *json = arena_slice(a, text);
	struct err err = ERR_INIT;

	check(json != NULL);
	if (saved_plan_read(json, a, &o, &err) != 0)
		return;
	check(o.n_maps <= MAPS_MAX && o.n_pop_states <= POP_STATES_MAX);
	for (size_t i = 0; i < o.n_operands; i++)
		check(o.operands[i] != NULL);
}

static void read_url(struct slice text, struct arena *a)
{
	const char *url = arena_slice(a, text);
	struct account_url out;
	struct err err = ERR_INIT;

	check(url != NULL);
	if (account_url_parse(url, a, &out, &err) == 0)
		check(out.user && *out.user && out.host && *out.host);
	else
		check(err.code == ERR_USAGE);
	if (pop3_url_parse(url, a, &out, &err) == 0)
		check(out.host && *out.host);
}

static void read_locator(struct slice text, struct arena *a)
{
	CLEANUP(buf_release) struct buf escaped = BUF_INIT(1 << 20);
	const char *name = NULL, *suffix = NULL, *locator = arena_slice(a, text);
	struct canon_rules rules;
	struct err err = ERR_INIT;
	uint64_t off, len;

	check(locator != NULL);
	if (mbox_locator_split(locator, a, &name, &suffix, &err) == 0)
		(void)mbox_locator_read(suffix, &off, &len, &rules, &err);
	if (text.len == 0 || slice_find(text, '\0') >= 0)
		return; /* no name of a file */
	mbox_locator_escape(&escaped, text);
	buf_adds(&escaped, "@0+0:");
	check(buf_cstr(&escaped) != NULL);
	check(mbox_locator_split(escaped.ptr, a, &name, &suffix, &err) == 0);
	check(slice_eq(slice_str(name), text));
}

static void read_arguments(struct slice text, struct arena *a)
{
	const char *value = arena_slice(a, text);
	uint8_t fingerprint[FINGERPRINT_LEN];
	struct err err = ERR_INIT;
	uint64_t octets = 0;
	uint32_t messages = 0;
	uint16_t from = 0, to = 0;

	check(value != NULL);
	if (gate_read_rate(value, &octets, &messages))
		check(octets > 0 || messages > 0);
	if (gate_read_size(value, &octets))
		check(octets > 0);
	if (gate_read_hours(value, &from, &to))
		check(from < 24 * 60 && to < 24 * 60);
	(void)fingerprint_parse(value, fingerprint, &err);
}

static void (*const readers[])(struct slice text, struct arena *a) = {
	read_profile,	 read_ini, read_cache,	 read_mh,	 read_address_map,
	read_saved_plan, read_url, read_locator, read_arguments,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT(ARENA_MAX);

	if (size == 0 || size > 64000)
		return 0;
	readers[data[0] % (sizeof(readers) / sizeof(readers[0]))](
		slice_from(slice_of(data, size), 1), &a);
	arena_release(&a);
	return 0;
}
