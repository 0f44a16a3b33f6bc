/*
 * Addresses. See address.h.
 */
#include "mime/address.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "message/header.h"
#include "mime/entry_id.h"

#define ADDRESS_MAX 400	 /* a token of a header line; RFC 5321 allows 320 */
#define NAMES_MAX   2000 /* of a display list without rows */

/* ---- what can stand between "<" and ">" ---- */

static bool is_local(unsigned char u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
	       (u != 0 && strchr("!#$%&'*+-/=?^_`{|}~.", u) != NULL);
}

static bool is_domain(struct slice s)
{
	if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char u = (unsigned char)s.ptr[i];

		if (!(u == '-' || u == '_' || (u == '.' && s.ptr[i - 1] != '.') ||
		      (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z')))
			return false;
	}
	return true;
}

static bool is_dot_atom(struct slice s)
{
	if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_local((unsigned char)s.ptr[i]) || (s.ptr[i] == '.' && s.ptr[i - 1] == '.'))
			return false;
	return true;
}

/* What people and programs put around an address. */
static struct slice bare_address(struct slice s)
{
	s = slice_trim(s);
	if (slice_istarts(s, SLICE_LIT("mailto:")))
		s = slice_from(s, 7);
	while (s.len >= 2 && ((s.ptr[0] == '<' && s.ptr[s.len - 1] == '>') ||
			      (s.ptr[0] == '\'' && s.ptr[s.len - 1] == '\'')))
		s = slice_trim(slice_head(slice_from(s, 1), s.len - 2));
	return s;
}

/* An addr-spec (RFC 5322 3.4.1), with the local part quoted where it has to be: NULL if `s` is no
 * SMTP address, or none that ASCII can write. */
static const char *smtp_address(struct slice s, struct arena *a)
{
	struct slice local, domain;
	ptrdiff_t at = -1;

	s = bare_address(s);
	for (size_t i = 0; i < s.len; i++)
		at = s.ptr[i] == '@' ? (ptrdiff_t)i : at;
	if (at <= 0 || s.len > ADDRESS_MAX)
		return NULL;
	local = slice_head(s, (size_t)at);
	domain = slice_from(s, (size_t)at + 1);
	if (!is_domain(domain))
		return NULL;
	if (is_dot_atom(local))
		return arena_slice(a, s);
	for (size_t i = 0; i < local.len; i++)
		if (local.ptr[i] <= ' ' || local.ptr[i] >= 0x7f || local.ptr[i] == '"' ||
		    local.ptr[i] == '\\')
			return NULL;
	return arena_printf(a, "\"%.*s\"@%.*s", (int)local.len, local.ptr, (int)domain.len,
			    domain.ptr);
}

/* IMCEA<TYPE>-<address>@...: letters, digits, '-' and '=' stay, '/' becomes '_', everything else
 * "+XX" (MS-OXOABK, encapsulated addresses). */
static const char *encapsulated(const char *type, struct slice address, struct arena *a)
{
	struct buf b = BUF_INIT(4 * ADDRESS_MAX);
	const char *out = NULL;

	buf_adds(&b, "IMCEA");
	for (size_t i = 0; i < 16 && type[i] != '\0'; i++)
		if ((type[i] >= 'A' && type[i] <= 'Z') || (type[i] >= 'a' && type[i] <= 'z'))
			buf_addc(&b, (char)(type[i] & ~32));
	buf_addc(&b, '-');
	for (size_t i = 0; i < address.len && b.len < ADDRESS_MAX; i++) {
		unsigned char u = (unsigned char)address.ptr[i];

		if ((u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
		    u == '-' || u == '=')
			buf_addc(&b, (char)u);
		else if (u == '/')
			buf_addc(&b, '_');
		else
			buf_addf(&b, "+%02X", u);
	}
	buf_adds(&b, "@" ADDRESS_UNRESOLVED_DOMAIN);
	if (!b.failed)
		out = arena_slice(a, buf_slice(&b));
	buf_release(&b);
	return out;
}

/* ---- by display name, in the transport headers ---- */

/* The address of "NAME <ADDRESS>" in one list of mailboxes. */
static struct slice find_in_list(struct slice list, struct slice name)
{
	while (list.len > 0) {
		ptrdiff_t open = slice_find(list, '<'), close;
		struct slice phrase;

		if (open < 0)
			break;
		phrase = slice_head(list, (size_t)open);
		list = slice_from(list, (size_t)open + 1);
		close = slice_find(list, '>');
		if (close < 0)
			break;
		while (phrase.len > 0 && strchr(" ,;\"'\t", phrase.ptr[0]) != NULL)
			phrase = slice_from(phrase, 1);
		while (phrase.len > 0 && strchr(" \"'\t", phrase.ptr[phrase.len - 1]) != NULL)
			phrase.len--;
		if (slice_ieq(phrase, name))
			return slice_head(list, (size_t)close);
		list = slice_from(list, (size_t)close + 1);
	}
	return (struct slice){ NULL, 0 };
}

static const char *find_in_header(const struct entity *e, const char *display, struct arena *a)
{
	static const char *const fields[] = { "From", "To", "Cc", "Sender", "Reply-To" };
	struct slice name = slice_trim(slice_str(display));
	struct buf decoded = BUF_INIT(TRANSPORT_MAX);
	const char *found = NULL;

	for (size_t i = 0; found == NULL && name.len > 0 && i < 5; i++) {
		struct header_field field;

		if (!header_find(buf_slice(&e->header), fields[i], &field))
			continue;
		buf_reset(&decoded);
		header_decode(&decoded, field.value);
		found = smtp_address(find_in_list(buf_slice(&decoded), name), a);
	}
	buf_release(&decoded);
	return found;
}

/* ---- the ladder ---- */

static bool is_type(const struct mapi_person *p, const char *type)
{
	return p->addr_type != NULL && strcasecmp(p->addr_type, type) == 0;
}

static const char *by_map(const struct composer *c, const char *key, struct arena *a)
{
	const char *found =
		c->options.addresses && key ? address_map_find(c->options.addresses, key) : NULL;

	return found ? smtp_address(slice_str(found), a) : NULL;
}

static const char *resolve(struct composer *c, const struct entity *e, const struct mapi_person *p,
			   struct arena *a)
{
	int codepage = e->item->message_code_page;
	struct mapi_person inside = { 0 };
	const char *found = NULL;

	if (!is_type(p, "EX"))
		found = smtp_address(slice_str(p->address), a);
	if (!found)
		found = smtp_address(slice_str(p->smtp), a);
	if (!found && entry_id_person(p->entry_id, c->options.codepages, codepage, a, &inside)) {
		found = is_type(&inside, "EX") ? by_map(c, inside.address, a)
					       : smtp_address(slice_str(inside.address), a);
	}
	if (!found && e->header.len > 0)
		found = find_in_header(e, p->name, a);
	if (!found)
		found = by_map(c, p->address, a);
	if (!found)
		found = by_map(c, p->name, a);
	return found ? found : smtp_address(slice_str(p->name), a);
}

/* A name that only repeats the address is none. */
static const char *proper_name(const char *name, const char *address)
{
	struct slice bare = bare_address(slice_str(name));

	if (bare.len == 0 || slice_ieq(bare, slice_str(address)))
		return NULL;
	return name;
}

void address_resolve(struct composer *c, const struct entity *e, const struct mapi_person *p,
		     struct arena *a, struct mailbox *out)
{
	const char *given = p->address && *p->address ? p->address : p->name;
	const char *type = p->addr_type && *p->addr_type ? p->addr_type : "UNKNOWN";

	*out = (struct mailbox){ .address = resolve(c, e, p, a) };
	if (out->address == NULL && given != NULL && *given != '\0') {
		out->address = encapsulated(type, slice_str(given), a);
		out->unresolved = true;
		c->fidelity |= FIDELITY_ADDRESS_UNRESOLVED;
	}
	if (out->address != NULL)
		out->name = proper_name(p->name, out->address);
}

/* ---- fields ---- */

void address_write(struct hfield *f, const struct mailbox *m, bool first)
{
	struct buf token = BUF_INIT(4 * ADDRESS_MAX);

	if (!first)
		hfield_glue(f, ",");
	if (m->name != NULL)
		hfield_phrase(f, slice_str(m->name));
	buf_addf(&token, m->name ? "<%s>" : "%s", m->address);
	hfield_token(f, buf_slice(&token));
	buf_release(&token);
}

/* A list that begins with its first mailbox. */
struct list {
	struct composer *c;
	const struct entity *e;
	const char *name;
	struct hfield field;
	size_t n;
};

static void list_add(struct list *l, const struct mapi_person *p, struct arena *a)
{
	struct mailbox m;

	address_resolve(l->c, l->e, p, a, &m);
	if (m.address == NULL)
		return;
	if (l->n == 0)
		hfield_begin(&l->field, &l->c->out, l->name);
	address_write(&l->field, &m, l->n++ == 0);
}

static void list_end(struct list *l)
{
	if (l->n > 0)
		hfield_end(&l->field);
}

void address_field_one(struct composer *c, const struct entity *e, const char *name,
		       const struct mapi_person *p)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct list l = { .c = c, .e = e, .name = name };

	list_add(&l, p, &a);
	list_end(&l);
}

/* Without recipient rows there are still the names that were shown: "Jane Doe; Bob". */
static void add_displayed(struct list *l, const char *names, struct arena *a)
{
	struct slice rest = slice_str(names);

	for (size_t n = 0; rest.len > 0 && n < NAMES_MAX; n++) {
		struct slice name = slice_trim(slice_cut(&rest, ';'));
		struct mapi_person p = { 0 };

		arena_reset(a);
		p.name = name.len > 0 ? arena_slice(a, name) : NULL;
		list_add(l, &p, a);
	}
}

static const char *displayed(const struct mapi_item *item, int type)
{
	return type == 1 ? item->display_to : type == 2 ? item->display_cc : item->display_bcc;
}

void address_field_recipients(struct composer *c, const struct entity *e, const char *name,
			      int type)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct list l = { .c = c, .e = e, .name = name };
	struct mapi_person p;
	struct err err = ERR_INIT;
	size_t row = 0;
	int got;

	while ((got = e->item->ops->recipient(e->item, row, &a, &p, &err)) > 0) {
		/* A row of no type is shown as a recipient: there is no other place for it. */
		if ((p.type == 0 ? 1 : p.type) == type)
			list_add(&l, &p, &a);
		arena_reset(&a);
		row++;
	}
	if (got < 0)
		c->fidelity |= FIDELITY_RECIPIENTS_DAMAGED;
	if (row == 0)
		add_displayed(&l, displayed(e->item, type), &a);
	list_end(&l);
}

void address_field_reply_to(struct composer *c, const struct entity *e)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct list l = { .c = c, .e = e, .name = "Reply-To" };
	struct slice rest = e->item->reply_to_entries, id;
	int codepage = e->item->message_code_page;

	if (!entry_list_start(&rest))
		return;
	while (entry_list_next(&rest, &id)) {
		struct mapi_person p;

		if (entry_id_person(id, c->options.codepages, codepage, &a, &p))
			list_add(&l, &p, &a);
		arena_reset(&a);
	}
	list_end(&l);
}
