/*
 * Attachments. See attach.h.
 */
#include "mime/attach.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- rows ---- */

void attachments_start(struct attachments *it, struct composer *c, const struct mapi_item *item)
{
	it->c = c;
	it->item = item;
	it->row = 0;
	it->arena = (struct arena)ARENA_INIT(ROW_ARENA_MAX);
}

bool attachments_next(struct attachments *it, struct mapi_attachment *out)
{
	struct err err = ERR_INIT;
	int got;

	arena_reset(&it->arena);
	blob_reader_init(&it->c->blob); /* the next row's blobs may look like this one's */
	*out = (struct mapi_attachment){ 0 };
	got = it->item->ops->attachment(it->item, it->row, &it->arena, out, &err);
	if (got < 0)
		it->c->fidelity |= FIDELITY_ATTACHMENT_MISSING;
	it->row++;
	return got > 0;
}

void attachments_release(struct attachments *it)
{
	arena_release(&it->arena);
}

/* ---- name and type ---- */

static const struct {
	const char *extension, *type;
} types[] = {
	{ ".bmp", "image/bmp" },
	{ ".csv", "text/csv" },
	{ ".doc", "application/msword" },
	{ ".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ ".eml", "application/octet-stream" },
	{ ".gif", "image/gif" },
	{ ".htm", "text/html" },
	{ ".html", "text/html" },
	{ ".ics", "text/calendar" },
	{ ".jpeg", "image/jpeg" },
	{ ".jpg", "image/jpeg" },
	{ ".mp3", "audio/mpeg" },
	{ ".mp4", "video/mp4" },
	{ ".odt", "application/vnd.oasis.opendocument.text" },
	{ ".pdf", "application/pdf" },
	{ ".png", "image/png" },
	{ ".ppt", "application/vnd.ms-powerpoint" },
	{ ".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ ".rtf", "application/rtf" },
	{ ".tif", "image/tiff" },
	{ ".tiff", "image/tiff" },
	{ ".txt", "text/plain" },
	{ ".vcf", "text/vcard" },
	{ ".wav", "audio/wav" },
	{ ".xls", "application/vnd.ms-excel" },
	{ ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ ".xml", "application/xml" },
	{ ".zip", "application/zip" },
};

static const char *type_of_name(struct slice name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct slice extension = slice_str(types[i].extension);

		if (name.len > extension.len &&
		    slice_ieq(slice_from(name, name.len - extension.len), extension))
			return types[i].type;
	}
	return "application/octet-stream";
}

/* type "/" subtype (RFC 2045 5.1), and neither a container nor a message: their content would have
 * to be shown without an encoding. */
static bool is_leaf_type(const char *type)
{
	size_t slashes = 0, len = type ? strlen(type) : 0;

	if (len < 3 || len > 127 || type[0] == '/' || type[len - 1] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (type[i] == '/')
			slashes++;
		else if (type[i] <= ' ' || type[i] >= 0x7f || strchr("()<>@,;:\\\"[]?=", type[i]))
			return false;
	}
	return slashes == 1 && strncasecmp(type, "multipart/", 10) != 0 &&
	       strncasecmp(type, "message/", 8) != 0;
}

/* The part of a path behind its last separator. */
static struct slice base_name(struct slice path)
{
	for (size_t i = path.len; i-- > 0;)
		if (path.ptr[i] == '/' || path.ptr[i] == '\\')
			return slice_from(path, i + 1);
	return path;
}

/* A file name, or "" where the store has none. */
static struct slice file_name(const struct mapi_attachment *att)
{
	const char *const names[] = { att->long_name, att->name, att->display_name };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice name = slice_trim(slice_str(names[i]));

		if (name.len > 0)
			return name;
	}
	return base_name(slice_trim(slice_str(att->path_name)));
}

/* ---- by value ---- */

static void write_ids(struct composer *c, const struct mapi_attachment *att)
{
	struct slice id = slice_trim(slice_str(att->content_id));
	struct slice location = slice_trim(slice_str(att->content_location));

	if (id.len >= 2 && id.ptr[0] == '<' && id.ptr[id.len - 1] == '>')
		id = slice_head(slice_from(id, 1), id.len - 2);
	for (size_t i = 0; i < id.len; i++)
		if (id.ptr[i] <= ' ' || id.ptr[i] >= 0x7f || id.ptr[i] == '<' || id.ptr[i] == '>')
			id.len = 0; /* no msg-id; nothing could refer to it */
	if (id.len > 0 && id.len < 900)
		outlet_addf(&c->out, "Content-ID: <%.*s>\r\n", (int)id.len, id.ptr);
	for (size_t i = 0; i < location.len; i++)
		if (location.ptr[i] <= ' ' || location.ptr[i] >= 0x7f)
			location.len = 0;
	if (location.len > 0 && location.len < 900)
		outlet_addf(&c->out, "Content-Location: %.*s\r\n", (int)location.len, location.ptr);
}

/* Text is readable in the raw message where that does not change it; all else is base64. */
static enum encoding choose_encoding(struct composer *c, const char *type,
				     const struct mapi_attachment *att, bool *utf8)
{
	struct census count = CENSUS_INIT;
	enum encoding kind;

	*utf8 = false;
	if (strncasecmp(type, "text/", 5) != 0)
		return ENCODING_BASE64;
	compose_count(blob_reader_start(&c->blob, &att->data), &count);
	*utf8 = count.high > 0 && census_utf8(&count);
	kind = census_encoding(&count);
	/* Line ends that are not CR LF are part of a file: encoded, they stay what they are. */
	return kind == ENCODING_QP && count.awkward > 0 ? ENCODING_BASE64 : kind;
}

/* PidTagAttachSize counts the other properties too, among them a small picture: in real stores
 * 85 to 4,000 octets. */
#define OVERHEAD_MAX 32768

static bool is_short(const struct mapi_attachment *att)
{
	return att->size != MAPI_NONE && att->size > OVERHEAD_MAX &&
	       (uint64_t)att->size - OVERHEAD_MAX > att->data.len;
}

static void write_data(struct composer *c, const struct mapi_attachment *att, const char *type,
		       struct slice name, bool is_inline)
{
	char with_charset[160];
	enum encoding kind;
	bool utf8;

	kind = choose_encoding(c, type, att, &utf8);
	if (utf8) {
		snprintf(with_charset, sizeof(with_charset), "%s; charset=utf-8", type);
		type = with_charset;
	}
	part_write_head(c, type, name, is_inline);
	write_ids(c, att);
	compose_encoding(c, kind);
	outlet_adds(&c->out, "\r\n");
	compose_stream(c, blob_reader_start(&c->blob, &att->data), kind);
	if (c->blob.base.damaged || is_short(att))
		c->fidelity |= FIDELITY_ATTACHMENT_TRUNCATED;
	if (att->missing)
		c->fidelity |= att->data.len > 0 ? FIDELITY_ATTACHMENT_TRUNCATED
						 : FIDELITY_ATTACHMENT_MISSING;
}

static void note_rights(struct composer *c, const char *type, struct slice name)
{
	if (slice_ieq(slice_str(type), SLICE_LIT("application/x-microsoft-rpmsg-message")) ||
	    slice_ieq(name, SLICE_LIT("message.rpmsg")))
		c->fidelity |= FIDELITY_RIGHTS_MANAGED;
}

static struct slice name_or_number(struct composer *c, const struct mapi_attachment *att,
				   const char *extension, struct arena *a)
{
	struct slice name = file_name(att);
	const char *own = att->extension && att->extension[0] == '.' ? att->extension : extension;

	(void)c;
	if (name.len > 0)
		return name;
	return slice_str(arena_printf(a, "attachment-%u%s", att->number + 1, own));
}

static void write_by_value(struct composer *c, const struct mapi_attachment *att, bool is_inline,
			   struct arena *a)
{
	struct slice name = name_or_number(c, att, ".bin", a);
	const char *type = is_leaf_type(att->mime_type) ? att->mime_type : type_of_name(name);

	note_rights(c, type, name);
	write_data(c, att, type, name, is_inline);
}

/* An OLE object: a compound file (MS-CFB), or whatever its program stored. */
static void write_ole(struct composer *c, const struct mapi_attachment *att, bool is_inline,
		      struct arena *a)
{
	struct slice name = name_or_number(c, att, ".ole", a), piece = { NULL, 0 };
	struct reader *r = blob_reader_start(&c->blob, &att->data);
	bool compound;

	c->fidelity |= FIDELITY_ATTACHMENT_OLE;
	compound = r->next(r, &piece) &&
		   slice_starts(piece, SLICE_LIT("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
	write_data(c, att, compound ? "application/x-ole-storage" : "application/octet-stream",
		   name, is_inline);
}

/* ---- what is not in the store ---- */

/* A short text in place of the attachment, so that its reader knows what is missing. */
static void write_note(struct composer *c, const struct mapi_attachment *att, const char *text)
{
	CLEANUP(buf_release) struct buf note = BUF_INIT(ROW_ARENA_MAX);
	struct slice name = file_name(att);
	struct census count = CENSUS_INIT;
	struct encoder encoder;

	buf_adds(&note, text);
	buf_adds(&note, "\r\n\r\n");
	if (name.len > 0)
		word_add_clean(&note, name);
	if (att->path_name != NULL) {
		buf_adds(&note, "\r\n");
		word_add_clean(&note, slice_str(att->path_name));
	}
	buf_adds(&note, "\r\n");
	census_add(&count, buf_slice(&note));
	outlet_adds(&c->out, "Content-Type: text/plain; charset=utf-8\r\n"
			     "Content-Disposition: inline\r\n");
	compose_encoding(c, census_encoding(&count));
	outlet_adds(&c->out, "\r\n");
	encoder_init(&encoder, census_encoding(&count), &c->out);
	encoder_add(&encoder, buf_slice(&note));
	encoder_end(&encoder);
}

void attachment_write(struct composer *c, const struct entity *e, const struct mapi_attachment *att,
		      bool is_inline)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);

	switch (att->method) {
	case MAPI_ATTACH_EMBEDDED:
		if (!embedded_write(c, e, att))
			write_note(c, att, "An attached message could not be read.");
		return;
	case MAPI_ATTACH_OLE:
		write_ole(c, att, is_inline, &a);
		return;
	case MAPI_ATTACH_BY_REFERENCE:
	case MAPI_ATTACH_BY_REF_RESOLVE:
	case MAPI_ATTACH_BY_REF_ONLY:
	case MAPI_ATTACH_BY_WEB_REFERENCE:
		if (att->data.len > 0)
			break;
		c->fidelity |= FIDELITY_ATTACHMENT_REFERENCED;
		write_note(c, att, "This attachment is not part of the message. It is kept here:");
		return;
	default:
		break;
	}
	write_by_value(c, att, is_inline, &a);
}
