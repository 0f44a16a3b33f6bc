/*
 * Flags, keywords and times. See state.h; MS-OXCMSG 2.2.1.6 (PidTagMessageFlags),
 * MS-OXOMSG 2.2.1.74 (last verb), MS-OXOFLAG 2.2.1.1 (flag status). Bits are tested
 * one by one: stores hold others beside them.
 */
#include "mime/state.h"

#include "message/mutf7.h"
#include "mime/fields.h"

#define MSG_READ   0x0001
#define MSG_UNSENT 0x0008

#define VERB_REPLY     102
#define VERB_REPLY_ALL 103
#define VERB_FORWARD   104
#define ICON_REPLIED   0x105
#define ICON_FORWARDED 0x106

#define FLAG_STATUS_FLAGGED 2
#define IMPORTANCE_HIGH	    2

#define KEYWORD_MAX 50 /* octets; servers refuse longer ones */

static bool bit(int32_t value, int32_t mask)
{
	return value != MAPI_NONE && (value & mask) != 0;
}

/* What every server takes, and our writer sends (session_keyword_ok()): much less than an atom of
 * IMAP may hold (RFC 3501 9, flag-keyword). */
static bool is_keyword_char(unsigned char u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
	       u == '$' || u == '_' || u == '.' || u == '-';
}

static bool is_keyword(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_keyword_char((unsigned char)s.ptr[i]))
			return false;
	return s.len > 0 && s.len <= KEYWORD_MAX;
}

/* A category's name as a keyword: blanks become '_', what is not ASCII modified UTF-7 (as
 * Thunderbird writes its tags). */
static void add_keyword_name(struct buf *b, struct slice category)
{
	struct err err = ERR_INIT;
	size_t start = b->len;

	if (mutf7_encode(b, category, &err) < 0)
		return;
	for (size_t i = start; i < b->len; i++)
		if (!is_keyword_char((unsigned char)b->ptr[i]))
			b->ptr[i] = '_';
	if (b->len > KEYWORD_MAX)
		b->len = KEYWORD_MAX;
}

static bool add_category(struct flag_set *set, struct arena *a, const char *category)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(1u << 16);
	struct slice s = slice_trim(slice_str(category));

	if (is_keyword(s))
		return flag_set_add_keyword(set, a, s);
	add_keyword_name(&name, s);
	return name.len == 0 || flag_set_add_keyword(set, a, buf_slice(&name));
}

static void add_verbs(const struct mapi_item *item, struct flag_set *set, struct arena *a)
{
	if (item->last_verb == VERB_REPLY || item->last_verb == VERB_REPLY_ALL ||
	    item->icon == ICON_REPLIED)
		set->system |= FLAG_ANSWERED;
	if (item->last_verb == VERB_FORWARD || item->icon == ICON_FORWARDED)
		flag_set_add_keyword(set, a, SLICE_LIT("$Forwarded"));
}

void item_flags(const struct mapi_item *item, enum role role, struct arena *a, struct flag_set *out,
		bool *dropped)
{
	*out = (struct flag_set){ 0 };
	*dropped = false;
	if (bit(item->flags, MSG_READ))
		out->system |= FLAG_SEEN;
	if (bit(item->flags, MSG_UNSENT))
		out->system |= FLAG_DRAFT;
	if (item->flag_status == FLAG_STATUS_FLAGGED)
		out->system |= FLAG_FLAGGED;
	add_verbs(item, out, a);
	if (item->importance == IMPORTANCE_HIGH)
		flag_set_add_keyword(out, a, SLICE_LIT("$Important"));
	if (role == ROLE_JUNK)
		flag_set_add_keyword(out, a, SLICE_LIT("$Junk"));
	for (size_t i = 0; i < item->n_categories; i++)
		if (!add_category(out, a, item->categories[i]))
			*dropped = true;
}

void item_arrival(const struct mapi_item *item, struct arrival *out)
{
	int64_t made = filetime_seconds(item->created);

	*out = (struct arrival)ARRIVAL_NONE;
	out->from_line = filetime_seconds(item->delivered);
	out->trusted = out->from_line != TIME_NONE;
	out->mtime = made != TIME_NONE ? made : filetime_seconds(item->modified);
}

enum message_state item_state(const struct mapi_item *item)
{
	return item->header_only ? STATE_PARTIAL : STATE_WHOLE;
}
