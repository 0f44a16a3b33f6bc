/*
 * Fuzz target: compressed RTF and what is made of it. Checked: the text is valid
 * UTF-8, a compressed stream grows at most by what the format allows, and a second
 * pass yields the same octets. The first octet of the input chooses how the rest is
 * taken: as it is, or behind a header that says "stored".
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mime/rtf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 65536
/* A control byte and eight references of two octets: 8 * 17 octets out of 17. */
#define GROWTH_MAX 8

static int read_blob(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err)
{
	size_t n = off < b->len ? (size_t)(b->len - off) : 0;

	(void)err;
	if (n > want)
		n = want;
	memcpy(to, (const char *)b->reader + off, n);
	*got = n;
	return 0;
}

static uint64_t digest(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
	return h;
}

struct pass {
	struct blob_reader blob;
	struct rtf_reader rtf;
};

static uint64_t text_of(struct pass *p, const struct mapi_blob *blob, enum rtf_kind kind,
			struct codepages *codepages)
{
	struct reader *r =
		rtf_reader_start(&p->rtf, blob_reader_start(&p->blob, blob), kind, codepages);
	uint64_t h = 0;
	struct slice piece;

	while (r->next(r, &piece)) {
		if (!utf8_valid(piece))
			abort();
		h = digest(h, piece);
	}
	return h;
}

static void check_growth(struct pass *p, const struct mapi_blob *blob)
{
	struct reader *r = lzfu_reader_start(&p->rtf.lzfu, blob_reader_start(&p->blob, blob));
	uint64_t total = 0;
	struct slice piece;

	while (r->next(r, &piece))
		total += piece.len;
	if (total > GROWTH_MAX * blob->len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct codepages *codepages; /* opening converters is slow */
	static char bytes[INPUT_MAX + 16];
	struct pass *p = calloc(1, sizeof(*p));
	struct mapi_blob blob = { .read = read_blob, .reader = bytes };
	uint32_t raw;

	if (codepages == NULL)
		codepages = codepages_new();
	if (p == NULL || codepages == NULL || size < 1 || size > INPUT_MAX) {
		free(p);
		return 0;
	}
	raw = (uint32_t)size - 1;
	if (data[0] & 1) {
		memcpy(bytes, data + 1, raw);
		blob.len = raw;
	} else {
		const uint32_t header[4] = { raw + 12, raw, 0x414c454d, 0 };

		memcpy(bytes, header, sizeof(header));
		memcpy(bytes + 16, data + 1, raw);
		blob.len = raw + 16;
	}
	blob_reader_init(&p->blob);
	check_growth(p, &blob);
	rtf_kind(&p->rtf, blob_reader_start(&p->blob, &blob));
	for (enum rtf_kind kind = RTF_HTML; kind <= RTF_NATIVE; kind++)
		/* NOLINTNEXTLINE(misc-redundant-expression): the second time it must be the same */
		if (text_of(p, &blob, kind, codepages) != text_of(p, &blob, kind, codepages))
			abort();
	rtf_reader_release(&p->rtf);
	free(p);
	return 0;
}
