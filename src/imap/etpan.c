/*
 * libetpan as a grammar. See etpan.h. The only file that speaks its language.
 */
#include "imap/etpan.h"

#include <stdlib.h>
#include <string.h>

#include <libetpan/libetpan.h>

#include "imap/lexer.h"

/* What goes into libetpan at once; longer responses go to our own readers. */
#define PARSE_MAX (64u << 10)

#define BARE_NAME_MAX 1000 /* of a name without quotes */

struct etpan {
	mailimap *parser;
};

struct etpan *etpan_new(void)
{
	struct etpan *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->parser = mailimap_new(0, NULL);
	if (e->parser)
		return e;
	free(e);
	return NULL;
}

void etpan_free(struct etpan *e)
{
	if (!e)
		return;
	mailimap_free(e->parser);
	free(e);
}

/* Skip a run of digits; false when libetpan would count wrong. */
static bool number_fits(struct slice s, size_t *at)
{
	struct lexer l = lexer_of(slice_from(s, *at));
	const char *start = l.at;
	uint32_t value;

	if (!lex_number32(&l, &value))
		return false;
	*at += (size_t)(l.at - start);
	return true;
}

/* Nothing that libetpan would misread or die of: deep nesting, numbers over 32 bits, NUL; and no
 * literal, so that it cannot take the inside of one for a response of its own. */
static bool harmless(struct slice s)
{
	bool quoted = false;
	int depth = 0;
	size_t i = 0;

	if (s.len > PARSE_MAX || slice_find(s, '\0') >= 0 || slice_find(s, '\n') >= 0)
		return false;
	while (i < s.len) {
		char c = s.ptr[i];

		if (!quoted && c >= '0' && c <= '9') {
			if (!number_fits(s, &i))
				return false;
			continue;
		}
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '(' && ++depth > NESTING_MAX)
			return false;
		else if (!quoted && c == ')')
			depth--;
		i++;
	}
	return true;
}

/* Parse "* NAME rest" as if the server had said it in answer to command 1. NULL if libetpan cannot.
 * The result must be freed. */
static struct mailimap_response *parse(struct etpan *e, const char *name, struct slice rest)
{
	struct mailimap_response *response = NULL;
	MMAPString *in = e->parser->imap_stream_buffer;
	int result;

	if (!harmless(rest))
		return NULL;
	mmap_string_truncate(in, 0);
	if (!mmap_string_append(in, "* ") || !mmap_string_append(in, name) ||
	    !mmap_string_append(in, " ") || !mmap_string_append_len(in, rest.ptr, rest.len) ||
	    !mmap_string_append(in, "\r\n1 OK x\r\n"))
		return NULL;
	e->parser->imap_tag = 1;
	result = mailimap_parse_response(e->parser, &response);
	if (result == MAILIMAP_NO_ERROR)
		return response;
	return NULL;
}

static struct mailimap_response_info *info(struct etpan *e)
{
	return e->parser->imap_response_info;
}

/* ---- LIST ---- */

static const struct {
	const char *name;
	uint32_t attribute;
	enum role role;
} attributes[] = {
	{ "Noselect", ATTR_NOSELECT, ROLE_NONE },
	{ "NonExistent", ATTR_NOSELECT, ROLE_NONE },
	{ "Noinferiors", ATTR_NOINFERIORS, ROLE_NONE },
	{ "Subscribed", ATTR_SUBSCRIBED, ROLE_NONE },
	{ "Sent", 0, ROLE_SENT },
	{ "Drafts", 0, ROLE_DRAFTS },
	{ "Trash", 0, ROLE_TRASH },
	{ "Junk", 0, ROLE_JUNK },
	{ "Archive", 0, ROLE_ARCHIVE },
	{ "All", 0, ROLE_ALL },
	/* XLIST */
	{ "Inbox", 0, ROLE_INBOX },
	{ "AllMail", 0, ROLE_ALL },
	{ "Spam", 0, ROLE_JUNK },
};

void list_attribute(struct slice name, struct list_row *row)
{
	if (name.len > 0 && name.ptr[0] == '\\')
		name = slice_from(name, 1);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (!slice_ieq(name, slice_str(attributes[i].name)))
			continue;
		row->attributes |= attributes[i].attribute;
		if (row->role == ROLE_NONE)
			row->role = attributes[i].role;
	}
}

static void keep_name(struct arena *a, struct slice name, struct list_row *row)
{
	row->name = slice_of(arena_slice(a, name), name.len);
}

static void read_list_flags(const struct mailimap_mbx_list_flags *flags, struct list_row *out)
{
	if (flags->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG &&
	    flags->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT)
		out->attributes |= ATTR_NOSELECT;
	for (clistiter *at = flags->mbf_oflags ? clist_begin(flags->mbf_oflags) : NULL; at;
	     at = clist_next(at)) {
		const struct mailimap_mbx_list_oflag *flag = clist_content(at);

		if (flag->of_type == MAILIMAP_MBX_LIST_OFLAG_NOINFERIORS)
			out->attributes |= ATTR_NOINFERIORS;
		else if (flag->of_flag_ext)
			list_attribute(slice_str(flag->of_flag_ext), out);
	}
}

bool etpan_list(struct etpan *e, const struct response *r, struct arena *a, struct list_row *out)
{
	struct mailimap_response *parsed;
	const struct mailimap_mailbox_list *list;
	struct list_row row = { 0 };
	bool ok = false;

	if (r->cut)
		return false;
	/* XLIST differs by its name alone. */
	parsed = parse(e, "LIST", r->rest);
	if (!parsed)
		return tolerant_list(r, a, out);
	if (info(e)->rsp_mailbox_list && clist_begin(info(e)->rsp_mailbox_list)) {
		list = clist_content(clist_begin(info(e)->rsp_mailbox_list));
		if (list->mb_flag)
			read_list_flags(list->mb_flag, &row);
		row.separator = list->mb_delimiter;
		ok = list->mb_name != NULL;
		if (ok)
			keep_name(a, slice_str(list->mb_name), &row);
	}
	mailimap_response_free(parsed);
	if (!ok)
		return tolerant_list(r, a, out);
	*out = row;
	return true;
}

/* "(\Attr ...) sep name [extended data]"; a name with blanks may lack its quotes. */
bool tolerant_list(const struct response *r, struct arena *a, struct list_row *out)
{
	CLEANUP(buf_release) struct buf scratch = BUF_INIT(FRAME_KEEP_MAX);
	struct lexer l = lexer_of(r->rest);
	struct list_row row = { 0 };
	struct slice word, name;
	struct token token;

	if (r->cut || !lex_char(&l, '('))
		return false;
	for (lex_blanks(&l); !lex_char(&l, ')'); lex_blanks(&l)) {
		if (!lex_atom(&l, &word))
			return false;
		list_attribute(word, &row);
	}
	lex_blanks(&l);
	if (!lex_token(&l, &token) || token.bytes.len > 2)
		return false;
	if (token.bytes.len > 0)
		row.separator = token.bytes.ptr[token.bytes.len - 1]; /* "\\" is one backslash */
	lex_blanks(&l);
	name = lexer_rest(&l);
	if (!lex_token(&l, &token))
		return false;
	if (token.kind == TOKEN_QUOTED || token.kind == TOKEN_LITERAL)
		name = token_text(&token, &scratch);
	else if (slice_ends(name, SLICE_LIT(")")) && slice_find(name, '(') > 0)
		name = token.bytes; /* extended data follow */
	else if (name.len > BARE_NAME_MAX)
		return false;
	if (scratch.failed)
		return false;
	keep_name(a, slice_trim(name), &row);
	*out = row;
	return true;
}

/* ---- STATUS ---- */

bool etpan_status(struct etpan *e, const struct response *r, struct folder_status *out)
{
	struct mailimap_response *parsed;
	struct folder_status status = { 0 };
	bool complete = false;

	/* HIGHESTMODSEQ has more bits than libetpan's numbers: then it is for our own reader. */
	if (r->cut)
		return false;
	parsed = slice_ifind(r->rest, SLICE_LIT("MODSEQ")) < 0 ? parse(e, "STATUS", r->rest) : NULL;
	if (!parsed)
		return tolerant_status(r, out);
	if (info(e)->rsp_status && info(e)->rsp_status->st_info_list) {
		clist *list = info(e)->rsp_status->st_info_list;

		for (clistiter *at = clist_begin(list); at; at = clist_next(at)) {
			const struct mailimap_status_info *item = clist_content(at);

			if (item->st_att == MAILIMAP_STATUS_ATT_MESSAGES)
				status.messages = item->st_value;
			else if (item->st_att == MAILIMAP_STATUS_ATT_UIDNEXT)
				status.uidnext = item->st_value;
			else if (item->st_att == MAILIMAP_STATUS_ATT_UIDVALIDITY)
				status.uidvalidity = item->st_value;
		}
		complete = true;
	}
	mailimap_response_free(parsed);
	if (!complete)
		return tolerant_status(r, out);
	*out = status;
	return true;
}

static bool status_item(struct lexer *l, struct folder_status *status)
{
	struct slice name;
	uint64_t value;

	if (!lex_word(l, &name))
		return false;
	lex_blanks(l);
	if (l->at == l->end || *l->at < '0' || *l->at > '9')
		return lex_skip(l);
	if (!lex_number(l, &value))
		return false;
	if (slice_ieq(name, SLICE_LIT("HIGHESTMODSEQ")))
		status->highestmodseq = value;
	if (slice_ieq(name, SLICE_LIT("SIZE")))
		status->octets = value;
	if (value > UINT32_MAX)
		return true;
	if (slice_ieq(name, SLICE_LIT("MESSAGES")))
		status->messages = (uint32_t)value;
	else if (slice_ieq(name, SLICE_LIT("UIDNEXT")))
		status->uidnext = (uint32_t)value;
	else if (slice_ieq(name, SLICE_LIT("UIDVALIDITY")))
		status->uidvalidity = (uint32_t)value;
	return true;
}

bool tolerant_status(const struct response *r, struct folder_status *out)
{
	struct folder_status status = { 0 };
	struct lexer l = lexer_of(r->rest);
	struct token name;

	if (r->cut || !lex_token(&l, &name))
		return false;
	/* A name with blanks and without quotes: the items begin at the last parenthesis. */
	while (l.at < l.end && *l.at != '(')
		l.at++;
	if (!lex_char(&l, '('))
		return false;
	for (lex_blanks(&l); !lex_char(&l, ')'); lex_blanks(&l))
		if (!status_item(&l, &status))
			return false;
	*out = status;
	return true;
}

/* ---- NAMESPACE ---- */

/* By our own reader alone: when its second or third part is malformed, libetpan frees what it never
 * made and dies. */

/* `("prefix" sep ...)`; the extensions behind are skipped. */
static bool namespace_descr(struct lexer *l, struct arena *a, struct slice *prefix, char *separator)
{
	CLEANUP(buf_release) struct buf scratch = BUF_INIT(FRAME_KEEP_MAX);
	struct token token;
	char *copy;

	if (!lex_char(l, '('))
		return false;
	lex_blanks(l);
	if (!lex_token(l, &token))
		return false;
	copy = arena_slice(a, token_text(&token, &scratch));
	*prefix = slice_str(copy);
	lex_blanks(l);
	if (!copy || scratch.failed || !lex_token(l, &token) || token.bytes.len > 2)
		return false;
	*separator = token.bytes.len > 0 ? token.bytes.ptr[token.bytes.len - 1] : '\0';
	for (lex_blanks(l); !lex_char(l, ')'); lex_blanks(l))
		if (!lex_skip(l))
			return false;
	return true;
}

bool namespace_read(const struct response *r, struct arena *a, struct namespaces *out)
{
	struct lexer l = lexer_of(r->rest);
	struct namespaces found = { 0 };
	struct slice prefix;
	char separator;

	for (int which = 0; which < 3; which++) {
		lex_blanks(&l);
		if (!lex_char(&l, '(')) {
			if (!lex_skip(&l)) /* NIL */
				break;
			continue;
		}
		for (lex_blanks(&l); !lex_char(&l, ')'); lex_blanks(&l)) {
			if (!namespace_descr(&l, a, &prefix, &separator))
				return false;
			if (which == 0 && !found.has_personal) {
				found.has_personal = true;
				found.prefix = prefix;
				found.separator = separator;
			} else if (which > 0 && prefix.len > 0 &&
				   found.n_foreign < NAMESPACES_MAX) {
				found.foreign[found.n_foreign++] = prefix;
			}
		}
	}
	*out = found;
	return found.has_personal;
}

/* ---- ID ---- */

static void read_id(const struct mailimap_id_params_list *list, struct buf *out)
{
	static const char *const wanted[] = { "name", "version" };

	for (size_t i = 0; i < 2; i++) {
		for (clistiter *at = list->idpa_list ? clist_begin(list->idpa_list) : NULL; at;
		     at = clist_next(at)) {
			const struct mailimap_id_param *param = clist_content(at);

			if (!param->idpa_name || !param->idpa_value ||
			    !slice_ieq(slice_str(param->idpa_name), slice_str(wanted[i])))
				continue;
			if (out->len > 0)
				buf_addc(out, ' ');
			buf_add_slice(out, slice_head(slice_str(param->idpa_value), 100));
		}
	}
}

bool etpan_id(struct etpan *e, const struct response *r, struct buf *out)
{
	struct mailimap_response *parsed = r->cut ? NULL : parse(e, "ID", r->rest);

	if (!parsed)
		return false;
	for (clistiter *at = info(e)->rsp_extension_list ? clist_begin(info(e)->rsp_extension_list)
							 : NULL;
	     at; at = clist_next(at)) {
		const struct mailimap_extension_data *data = clist_content(at);

		if (data->ext_extension->ext_id == MAILIMAP_EXTENSION_ID && data->ext_data)
			read_id(data->ext_data, out);
	}
	mailimap_response_free(parsed);
	return out->len > 0;
}
