/*
 * Entry ids. See entry_id.h.
 */
#include "mime/entry_id.h"

#include <string.h>

#include "base/text.h"

#define HEAD	     20 /* flags, provider UID */
#define TEXT_MAX     4096
#define CP_UTF16LE   1200
#define FLAG_UNICODE 0x8000u
#define DN_OFFSET    28 /* flags, provider UID, version, type (MS-OXCDATA 2.2.5.2) */

static const uint8_t one_off[16] = { 0x81, 0x2b, 0x1f, 0xa4, 0xbe, 0xa3, 0x10, 0x19,
				     0x9d, 0x6e, 0x00, 0xdd, 0x01, 0x0f, 0x54, 0x02 };
static const uint8_t exchange[16] = { 0xdc, 0xa7, 0x40, 0xc8, 0xc0, 0x42, 0x10, 0x1a,
				      0xb4, 0xb9, 0x08, 0x00, 0x2b, 0x2f, 0xe1, 0x82 };

static uint32_t u32(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Cut off a text up to its NUL of `width` octets. */
static struct slice cut_text(struct slice *rest, size_t width)
{
	struct slice text = *rest;
	size_t n = 0;

	while (n + width <= rest->len && (rest->ptr[n] != 0 || (width == 2 && rest->ptr[n + 1])))
		n += width;
	text = slice_head(text, n);
	*rest = slice_from(*rest, n + width);
	return text;
}

static const char *to_text(struct slice s, struct codepages *codepages, int codepage,
			   struct arena *a)
{
	struct buf out = BUF_INIT(8 * TEXT_MAX);
	const char *text = NULL;

	if (s.len > 0 && s.len <= 2 * TEXT_MAX) {
		codepage_to_utf8(codepages, codepage, s, &out);
		text = out.failed ? NULL : arena_slice(a, buf_slice(&out));
	}
	buf_release(&out);
	return text;
}

static bool one_off_person(struct slice id, struct codepages *codepages, int codepage,
			   struct arena *a, struct mapi_person *out)
{
	struct slice rest = slice_from(id, HEAD + 4);
	size_t width;

	if (id.len < HEAD + 4)
		return false;
	width = u32(slice_from(id, HEAD)) >> 16 & FLAG_UNICODE ? 2 : 1;
	if (width == 2)
		codepage = CP_UTF16LE;
	out->name = to_text(cut_text(&rest, width), codepages, codepage, a);
	out->addr_type = to_text(cut_text(&rest, width), codepages, codepage, a);
	out->address = to_text(cut_text(&rest, width), codepages, codepage, a);
	return out->address != NULL;
}

static bool exchange_person(struct slice id, struct codepages *codepages, struct arena *a,
			    struct mapi_person *out)
{
	struct slice rest = slice_from(id, DN_OFFSET);

	out->addr_type = "EX";
	out->address = to_text(cut_text(&rest, 1), codepages, CODEPAGE_ASCII, a);
	return out->address != NULL;
}

bool entry_id_person(struct slice id, struct codepages *codepages, int codepage, struct arena *a,
		     struct mapi_person *out)
{
	struct mapi_person p = { 0 };
	bool known = false;

	if (id.len < HEAD)
		return false;
	if (memcmp(id.ptr + 4, one_off, sizeof(one_off)) == 0)
		known = one_off_person(id, codepages, codepage, a, &p);
	else if (memcmp(id.ptr + 4, exchange, sizeof(exchange)) == 0)
		known = exchange_person(id, codepages, a, &p);
	if (known)
		*out = p;
	return known;
}

bool entry_list_start(struct slice *rest)
{
	if (rest->len < 8)
		return false;
	*rest = slice_head(slice_from(*rest, 8), u32(slice_from(*rest, 4)));
	return true;
}

bool entry_list_next(struct slice *rest, struct slice *id)
{
	uint32_t len;

	if (rest->len < 4)
		return false;
	len = u32(*rest);
	*rest = slice_from(*rest, 4);
	if (len == 0 || len > rest->len)
		return false;
	*id = slice_head(*rest, len);
	*rest = slice_from(*rest, ((size_t)len + 3) & ~(size_t)3);
	return true;
}
