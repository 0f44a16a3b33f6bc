/*
 * Fuzz target: prefs.js, and Thunderbird's names on disk. Checked: every preference kept is found
 * again under its name, names on disk are short and fit the names they came from.
 */
#include <stdlib.h>
#include <string.h>

#include "source/tb_names.h"
#include "source/tb_prefs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_prefs(struct slice text)
{
	struct arena a = ARENA_INIT((size_t)16 << 20);
	struct tb_prefs prefs;
	struct err err = ERR_INIT;
	size_t at = 0;

	if (tb_prefs_parse(text, &a, &prefs, &err) == 0) {
		for (size_t i = 0; i < prefs.n; i++) {
			const char *value = tb_pref(&prefs, "%s", prefs.list[i].name);

			if (!value || strcmp(value, prefs.list[i].value) != 0)
				abort();
		}
		while (tb_prefs_next_key(&prefs, "mail.server.", ".type", &at, &a))
			continue;
	}
	arena_release(&a);
}

static void check_name(struct slice real)
{
	struct buf disk = BUF_INIT(2 * TB_NAME_MAX);
	struct err err = ERR_INIT;

	if (tb_name_on_disk(&disk, real, &err) == 0) {
		if (disk.len == 0 || disk.len > 4 * TB_UNITS_MAX)
			abort();
		if (slice_find(real, '\0') < 0 && !tb_name_fits(buf_slice(&disk), real))
			abort();
	}
	tb_name_looks_hashed(real);
	buf_release(&disk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_prefs(slice_of(data, size));
	check_name(slice_of(data, size));
	return 0;
}
