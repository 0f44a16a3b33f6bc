/*
 * From a UIDL to the UID it was made of. See uidl_format.h.
 */
#include "match/uidl_format.h"

#define HEX_LEN 8 /* digits of one of the two numbers */

const char *uidl_format_name(enum uidl_format format)
{
	static const char *const names[UIDL_FORMAT_COUNT] = {
		[UIDL_NONE] = "no known",     [UIDL_DOVECOT] = "Dovecot's",
		[UIDL_UW] = "UW's",	      [UIDL_CYRUS] = "Cyrus's",
		[UIDL_COURIER] = "Courier's", [UIDL_COURIER_OLD] = "the old Courier's",
		[UIDL_UID] = "the plain UID", [UIDL_LISTED] = "as the POP3 server lists them",
	};

	return (unsigned)format < UIDL_FORMAT_COUNT ? names[format] : "?";
}

/* A number that an IMAP server gives out: 1 to 2^32 - 1. */
static bool fits(uint64_t n, uint32_t *out)
{
	*out = (uint32_t)n;
	return n > 0 && n <= UINT32_MAX;
}

static bool hex_number(struct slice text, uint32_t *out)
{
	uint64_t n;

	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == 'x' || text.ptr[i] == 'X' || text.ptr[i] == '+')
			return false;
	return slice_hex64(text, &n) && fits(n, out);
}

/* As %u prints it: digits, no zero in front. */
static bool number(struct slice text, uint32_t *out)
{
	uint64_t n;

	return text.len > 0 && text.ptr[0] >= '1' && text.ptr[0] <= '9' && slice_u64(text, &n) &&
	       fits(n, out);
}

static bool two_hex(struct slice uidl, uint32_t *first, uint32_t *second)
{
	return uidl.len == (size_t)2 * HEX_LEN && hex_number(slice_head(uidl, HEX_LEN), first) &&
	       hex_number(slice_from(uidl, HEX_LEN), second);
}

static bool two_numbers(struct slice uidl, char between, uint32_t *first, uint32_t *second)
{
	ptrdiff_t at = slice_find(uidl, between);

	return at >= 0 && number(slice_head(uidl, (size_t)at), first) &&
	       number(slice_from(uidl, (size_t)at + 1), second);
}

static bool decode(enum uidl_format format, struct slice uidl, struct uidl_ids *out)
{
	const struct slice prefix = SLICE_LIT("UID");

	switch (format) {
	case UIDL_DOVECOT:
		return two_hex(uidl, &out->uid, &out->uidvalidity);
	case UIDL_UW:
		return two_hex(uidl, &out->uidvalidity, &out->uid);
	case UIDL_CYRUS:
		return two_numbers(uidl, '.', &out->uidvalidity, &out->uid);
	case UIDL_COURIER:
		return slice_istarts(uidl, prefix) &&
		       two_numbers(slice_from(uidl, prefix.len), '-', &out->uid, &out->uidvalidity);
	case UIDL_COURIER_OLD:
		return two_numbers(uidl, '-', &out->uidvalidity, &out->uid);
	case UIDL_UID:
		return number(uidl, &out->uid);
	case UIDL_NONE:
	case UIDL_LISTED:
	case UIDL_FORMAT_COUNT:
		break;
	}
	return false;
}

bool uidl_decode(enum uidl_format format, struct slice uidl, struct uidl_ids *out)
{
	struct uidl_ids ids = { 0 };

	if (!decode(format, uidl, &ids))
		return false;
	*out = ids;
	return true;
}
