/*
 * Outlook items in memory. See fake_item.h.
 */
#include "fake_item.h"

#include <criterion/criterion.h>
#include <string.h>

static int read_blob(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err)
{
	size_t n = off < b->len ? (size_t)(b->len - off) : 0;

	if (n > want)
		n = want;
	if (off + n > b->handle[0])
		return err_set(err, ERR_IO, SCOPE_MESSAGE, RETRY_NEVER, "torn at byte %llu",
			       (unsigned long long)b->handle[0]);
	memcpy(to, (const char *)b->reader + off, n);
	*got = n;
	return 0;
}

struct mapi_blob fake_blob_torn(const void *bytes, size_t len, size_t good)
{
	return (struct mapi_blob){
		.len = len, .read = read_blob, .reader = bytes, .handle = { good }
	};
}

struct mapi_blob fake_blob(const void *bytes, size_t len)
{
	return fake_blob_torn(bytes, len, SIZE_MAX);
}

struct mapi_blob fake_text(const char *text)
{
	return fake_blob(text, strlen(text));
}

uint64_t fake_time(int64_t seconds)
{
	return (uint64_t)(seconds + INT64_C(11644473600)) * 10000000u;
}

static const struct fake_item *fake_of(const struct mapi_item *item)
{
	return item->reader;
}

static int recipient(const struct mapi_item *item, size_t row, struct arena *a,
		     struct mapi_person *out, struct err *err)
{
	const struct fake_item *f = fake_of(item);

	(void)a;
	((struct mapi_item *)(uintptr_t)item)->degraded |= f->degraded_late;
	if (row < f->n_people) {
		*out = f->people[row];
		return 1;
	}
	if (f->recipients_damaged)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "damaged row");
	return 0;
}

static int attachment(const struct mapi_item *item, size_t row, struct arena *a,
		      struct mapi_attachment *out, struct err *err)
{
	const struct fake_item *f = fake_of(item);

	(void)a;
	(void)err;
	if (row >= f->n_attachments)
		return 0;
	*out = f->attachments[row].att;
	out->number = (uint32_t)row;
	out->embedded[0] = row;
	return 1;
}

static int embedded(const struct mapi_item *item, const struct mapi_attachment *att,
		    struct arena *a, struct mapi_item *out, struct err *err)
{
	const struct fake_item *inner = fake_of(item)->attachments[att->embedded[0]].inner;

	(void)a;
	if (inner == NULL)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "no such message");
	*out = inner->item;
	out->reader = inner;
	return 0;
}

static bool find(const struct fake_item *f, enum mapi_set set, uint32_t id, struct mapi_value *out)
{
	*out = (struct mapi_value){ 0 };
	for (size_t i = 0; i < f->n_properties; i++) {
		if (f->properties[i].set == set && f->properties[i].id == id) {
			*out = f->properties[i].value;
			return true;
		}
	}
	return false;
}

static bool property(const struct mapi_item *item, uint16_t id, struct arena *a,
		     struct mapi_value *out)
{
	(void)a;
	return find(fake_of(item), MAPI_SET_OTHER, id, out);
}

static bool named(const struct mapi_item *item, enum mapi_set set, uint32_t lid, const char *name,
		  struct arena *a, struct mapi_value *out)
{
	(void)a;
	(void)name;
	return find(fake_of(item), set, lid, out);
}

static const struct mapi_item_ops ops = { recipient, attachment, embedded, property, named };

void fake_init(struct fake_item *f)
{
	*f = (struct fake_item){ 0 };
	f->item.ops = &ops;
	f->item.reader = f;
	memcpy(f->item.store_uid, "0123456789abcdef", 16);
	f->item.nid = 0x200024;
	f->item.message_class = "IPM.Note";
	f->item.flags = f->item.status = f->item.last_verb = f->item.icon = MAPI_NONE;
	f->item.flag_status = f->item.importance = f->item.priority = MAPI_NONE;
	f->item.sensitivity = f->item.native_body = MAPI_NONE;
	f->item.internet_code_page = f->item.message_code_page = MAPI_NONE;
}

static int write_buf(void *to, const void *bytes, size_t len, struct err *err)
{
	buf_add(to, bytes, len);
	return buf_ok(to, "the message", err);
}

uint32_t fake_compose(const struct fake_item *f, const struct compose_options *options,
		      struct buf *out)
{
	CLEANUP(arena_release) struct arena scratch = ARENA_INIT(1u << 20);
	const struct compose_options none = { 0 };
	struct compose_sink sink = { write_buf, out };
	struct compose_result result = { 0 };
	struct err err = ERR_INIT;

	buf_reset(out);
	cr_assert_eq(compose_message(&f->item, options ? options : &none, &sink, &scratch, &result,
				     &err),
		     0, "%s", err.text);
	return result.fidelity;
}
