/*
 * Thunderbird's folder names on disk. See tb_names.h.
 */
#include "source/tb_names.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

#define HASH_FACTOR 0x63c63cd9u
#define HASH_ADD    0x9c39c33du

static uint32_t hash_unit(uint32_t h, uint32_t unit)
{
	h = h * HASH_FACTOR + HASH_ADD + (unit & 0xff);
	return h * HASH_FACTOR + HASH_ADD + (unit >> 8);
}

/* What a walk over the real name finds out. */
struct name_facts {
	uint32_t hash;
	size_t units;	  /* UTF-16 */
	size_t bad_at;	  /* units before the first character that no file may bear; SIZE_MAX */
	size_t last_unit; /* units before the last character */
	uint32_t first, last;
};

static bool illegal(uint32_t c)
{
	return c < 128 && c != 0 && strchr("/\\:*?\"<>|;#", (int)c);
}

static bool illegal_last(uint32_t c)
{
	return c == '.' || c == '~' || c == ' ';
}

static bool walk(struct slice real, struct name_facts *f)
{
	*f = (struct name_facts){ .hash = 1, .bad_at = SIZE_MAX };
	for (size_t at = 0, len; at < real.len; at += len) {
		uint32_t c;

		len = utf8_decode(slice_from(real, at), &c);
		if (len == 0)
			return false;
		if (at == 0)
			f->first = c;
		if (f->bad_at == SIZE_MAX && illegal(c))
			f->bad_at = f->units;
		f->last = c;
		f->last_unit = f->units;
		if (c >= 0x10000) {
			f->hash = hash_unit(f->hash, 0xD800 + ((c - 0x10000) >> 10));
			c = 0xDC00 + ((c - 0x10000) & 0x3FF);
			f->units++;
		}
		f->hash = hash_unit(f->hash, c);
		f->units++;
	}
	return f->units > 0;
}

/* Units kept before the hash, or SIZE_MAX when the name stays as it is. */
static size_t kept_units(const struct name_facts *f)
{
	size_t kept = SIZE_MAX;

	if (f->bad_at != SIZE_MAX)
		kept = f->bad_at;
	else if (f->first == '.')
		kept = 0;
	else if (illegal_last(f->last))
		kept = f->last_unit;
	else if (f->units > TB_UNITS_MAX)
		kept = TB_UNITS_MAX;
	if (kept != SIZE_MAX && kept > TB_UNITS_MAX - TB_HASH_LEN)
		kept = TB_UNITS_MAX - TB_HASH_LEN;
	return kept;
}

/* Bytes of the first `units` UTF-16 units; half a surrogate pair is left out. */
static size_t bytes_of_units(struct slice real, size_t units)
{
	size_t at = 0;

	while (at < real.len) {
		uint32_t c;
		size_t len = utf8_decode(slice_from(real, at), &c);
		size_t n = c >= 0x10000 ? 2 : 1;

		if (len == 0 || n > units)
			break;
		units -= n;
		at += len;
	}
	return at;
}

int tb_name_on_disk(struct buf *out, struct slice real, struct err *err)
{
	struct name_facts f;
	size_t kept;

	if (real.len > TB_NAME_MAX || !walk(real, &f))
		return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
			       "a folder name of Thunderbird is not UTF-8, empty or too long");
	kept = kept_units(&f);
	if (kept == SIZE_MAX) {
		buf_add_slice(out, real);
	} else {
		buf_add(out, real.ptr, bytes_of_units(real, kept));
		buf_addf(out, "%08x", (unsigned)f.hash);
	}
	return buf_ok(out, "folder name", err);
}

bool tb_name_looks_hashed(struct slice disk)
{
	bool letter = false;

	if (disk.len < TB_HASH_LEN)
		return false;
	for (size_t i = disk.len - TB_HASH_LEN; i < disk.len; i++) {
		char c = disk.ptr[i];

		letter = letter || (c >= 'a' && c <= 'f');
		if (!((c >= 'a' && c <= 'f') || (c >= '0' && c <= '9')))
			return false;
	}
	return letter; /* eight decimal digits are a date far more often than a hash */
}

static bool same_composed(struct slice disk, struct slice real)
{
	struct arena a = ARENA_INIT(8 * TB_NAME_MAX);
	char *x = text_nfc(&a, disk), *y = text_nfc(&a, real);
	bool same = x && y && strcmp(x, y) == 0;

	arena_release(&a);
	return same;
}

bool tb_name_fits(struct slice disk, struct slice real)
{
	struct name_facts f;
	char digits[TB_HASH_LEN + 1];

	if (real.len > TB_NAME_MAX || disk.len > TB_NAME_MAX || !walk(real, &f))
		return false;
	if (same_composed(disk, real))
		return true;
	/* Which characters were illegal, and so how much was kept, differs between the platforms
	 * and versions; the hash is over the whole name everywhere. */
	snprintf(digits, sizeof(digits), "%08x", (unsigned)f.hash);
	return slice_ends(disk, slice_str(digits));
}
