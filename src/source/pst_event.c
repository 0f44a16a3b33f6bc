/*
 * Taking a worker's frames apart. See pst_event.h.
 */
#include "source/pst_event.h"

#include <string.h>

#include "message/fidelity.h"

static void read_folder(struct fields *f, struct arena *a, struct pst_event *e)
{
	uint32_t role, kind, depth;

	e->nid = field_u32(f);
	role = field_u32(f);
	kind = field_u8(f);
	e->items = field_u64(f);
	e->stamp = field_u64(f);
	depth = field_u32(f);
	if (role >= ROLE_COUNT || kind >= PST_FOLDER_KINDS || depth > FOLDER_DEPTH_MAX - 1) {
		f->failed = true;
		return;
	}
	e->role = (enum role)role;
	e->kind = (enum pst_folder_kind)kind;
	for (uint32_t i = 0; i < depth && !f->failed; i++) {
		const char *name = field_text(f, PST_NAME_MAX, a);

		e->path.names[e->path.n++] = *name ? name : "(no name)";
	}
	if (e->path.n == 0) /* as Outlook calls it */
		e->path.names[e->path.n++] = "Top of Outlook data file";
}

/* A keyword is an atom of IMAP (RFC 3501 9), and no system flag. */
static bool is_keyword(const char *text)
{
	if (!*text)
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("(){%*\"\\]", *p))
			return false;
	return true;
}

static void read_keywords(struct fields *f, struct arena *a, struct pst_event *e)
{
	uint32_t n = field_u32(f);

	if (n > KEYWORDS_MAX)
		f->failed = true;
	for (uint32_t i = 0; i < n && !f->failed; i++) {
		const char *word = field_text(f, PST_KEYWORD_MAX, a);

		if (!is_keyword(word) || !flag_set_add_keyword(&e->flags, a, slice_str(word)))
			e->flags_dropped = true;
	}
}

static void read_begin(struct fields *f, struct arena *a, struct pst_event *e)
{
	struct slice key;

	e->nid = field_u32(f);
	key = field_bytes(f, PST_KEY_LEN);
	memcpy(e->key, key.ptr, key.len);
	e->class = field_text(f, PST_CLASS_MAX, a);
	e->arrival.trusted = field_u8(f);
	e->arrival.from_line = (int64_t)field_u64(f);
	e->arrival.file_name = TIME_NONE;
	e->arrival.mtime = (int64_t)field_u64(f);
	e->partial = field_u8(f);
	e->feed = field_u8(f);
	e->flags.system = field_u32(f);
	if (e->flags.system & ~(uint32_t)FLAG_ALL)
		f->failed = true;
	e->flags_dropped = field_u8(f);
	read_keywords(f, a, e);
}

/* Codes and scopes with a meaning of their own for the run are not a file's to cause. */
static void read_error(struct fields *f, struct arena *a, struct pst_event *e)
{
	uint32_t code = field_u32(f), scope = field_u32(f);
	const char *text = field_text(f, ERR_TEXT_MAX, a);
	bool known = code == ERR_CONFIG || code == ERR_UNAVAILABLE || code == ERR_LIMIT ||
		     code == ERR_NOMEM;

	err_set(&e->error, known ? (enum err_code)code : ERR_FORMAT,
		scope <= SCOPE_FOLDER ? SCOPE_FOLDER : SCOPE_SOURCE, RETRY_NEVER, "%s", text);
}

static void read_item(struct fields *f, struct arena *a, struct pst_event *e)
{
	e->nid = field_u32(f);
	if (e->type != PST_FAILED)
		e->other_kind = field_u32(f);
	if (e->type == PST_EXPORT) {
		e->text = field_text(f, PST_SUBJECT_MAX, a);
		return;
	}
	e->class = field_text(f, PST_CLASS_MAX, a);
	if (e->type == PST_FAILED) {
		e->more = field_text(f, PST_SUBJECT_MAX, a);
		e->text = field_text(f, PST_TEXT_MAX, a);
	}
}

static void read_fields(struct fields *f, struct arena *a, struct pst_event *e)
{
	struct slice uid;

	switch (e->type) {
	case PST_HELLO:
		e->protocol = field_u32(f);
		e->landlock = field_u32(f);
		break;
	case PST_STORE:
		uid = field_bytes(f, PST_UID_LEN);
		memcpy(e->uid, uid.ptr, uid.len);
		(void)field_u32(f); /* the format */
		e->password_set = field_u8(f);
		e->exchange_cache = field_u8(f);
		break;
	case PST_ERROR:
		read_error(f, a, e);
		break;
	case PST_FOLDER:
		read_folder(f, a, e);
		break;
	case PST_BEGIN:
		read_begin(f, a, e);
		break;
	case PST_END:
		e->octets = field_u64(f);
		e->fidelity = field_u32(f) & ((UINT32_C(1) << FIDELITY_COUNT) - 1);
		break;
	case PST_FAILED:
	case PST_OTHER:
	case PST_EXPORT:
		read_item(f, a, e);
		break;
	case PST_DAMAGE:
		e->nid = field_u32(f);
		e->lost = field_u64(f);
		e->text = field_text(f, PST_TEXT_MAX, a);
		break;
	case PST_PAIR:
		e->text = field_text(f, PST_ADDRESS_MAX, a);
		e->more = field_text(f, PST_ADDRESS_MAX, a);
		break;
	case PST_ALIVE:
		e->nid = field_u32(f);
		break;
	case PST_FOLDERS_END:
	case PST_ITEMS_END:
	case PST_AGAIN:
		break;
	default:
		f->failed = true;
	}
}

int pst_event_read(const struct frame *frame, struct arena *a, struct pst_event *out,
		   struct err *err)
{
	struct fields f = fields_of(frame);

	*out = (struct pst_event){ .type = (enum pst_frame)frame->type, .class = "", .text = "" };
	out->more = "";
	if (out->type == PST_DATA) {
		out->data = frame->payload;
		return 0;
	}
	read_fields(&f, a, out);
	return fields_done(&f, "a field has no possible value", err);
}
