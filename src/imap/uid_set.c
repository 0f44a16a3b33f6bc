/*
 * UID sets. See uid_set.h.
 */
#include "imap/uid_set.h"

#include <inttypes.h>
#include <stdlib.h>

#define RANGE_MAX 22 /* octets of ",4294967295:4294967295" */

size_t uid_set_add(struct buf *b, const uint32_t *uids, size_t n, size_t octets)
{
	size_t i = 0, first, start = b->len;

	while (i < n && (i == 0 || b->len - start + RANGE_MAX <= octets)) {
		first = i++;
		while (i < n && uids[i - 1] < UINT32_MAX && uids[i] == uids[i - 1] + 1)
			i++;
		buf_addf(b, "%s%" PRIu32, first > 0 ? "," : "", uids[first]);
		if (i - first > 1)
			buf_addf(b, ":%" PRIu32, uids[i - 1]);
	}
	return i;
}

/* "4:2" is "2:4" (RFC 4315 4). */
static bool read_range(struct lexer *l, struct uid_range *out)
{
	uint32_t a, b;

	if (!lex_number32(l, &a) || a == 0)
		return false;
	b = a;
	if (lex_char(l, ':') && (!lex_number32(l, &b) || b == 0))
		return false;
	out->first = a < b ? a : b;
	out->last = a < b ? b : a;
	return true;
}

bool uid_set_read(struct lexer *l, struct uid_range **out, size_t *n, uint64_t *count)
{
	struct uid_range *list = NULL;
	size_t used = 0, room = 0;
	uint64_t uids = 0;

	do {
		if (used == room) {
			size_t more = room ? room * 2 : 16;
			struct uid_range *grown =
				more > UID_RANGES_MAX ? NULL : realloc(list, more * sizeof(*list));

			if (!grown)
				goto fail;
			list = grown;
			room = more;
		}
		if (!read_range(l, &list[used]))
			goto fail;
		uids += (uint64_t)list[used].last - list[used].first + 1;
		used++;
	} while (lex_char(l, ','));
	*out = list;
	*n = used;
	*count = uids;
	return true;
fail:
	free(list);
	return false;
}
