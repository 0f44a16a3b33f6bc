/*
 * The tree of parts. See parts.h.
 */
#include "mime/parts.h"

#include <stdio.h>
#include <strings.h>

#include "mime/attach.h"
#include "mime/body.h"
#include "mime/report.h"

void multipart_open(struct composer *c, struct multipart *m, const char *subtype,
		    const char *params)
{
	snprintf(m->boundary, sizeof(m->boundary), "%s.%u", c->boundary, c->multipart++);
	m->begun = false;
	outlet_addf(&c->out, "Content-Type: multipart/%s%s;\r\n boundary=\"%s\"\r\n", subtype,
		    params, m->boundary);
	if (c->eight_bit)
		outlet_adds(&c->out, "Content-Transfer-Encoding: 8bit\r\n");
	outlet_adds(&c->out, "\r\n");
}

void multipart_next(struct composer *c, struct multipart *m)
{
	/* The line end before a boundary belongs to the boundary (RFC 2046 5.1.1). */
	outlet_addf(&c->out, "%s--%s\r\n", m->begun ? "\r\n" : "", m->boundary);
	m->begun = true;
}

void multipart_close(struct composer *c, struct multipart *m)
{
	outlet_addf(&c->out, "\r\n--%s--\r\n", m->boundary);
}

void part_write_head(struct composer *c, const char *type, struct slice file_name, bool is_inline)
{
	struct hfield f;

	hfield_begin(&f, &c->out, "Content-Type");
	hfield_token(&f, slice_str(type));
	if (file_name.len > 0)
		hfield_param_ascii(&f, "name", file_name);
	hfield_end(&f);
	hfield_begin(&f, &c->out, "Content-Disposition");
	hfield_token(&f, slice_str(is_inline ? "inline" : "attachment"));
	if (file_name.len > 0)
		hfield_param(&f, "filename", file_name);
	hfield_end(&f);
}

/* ---- the plan ---- */

#define NO_ROW SIZE_MAX

struct plan {
	const struct entity *e;
	struct bodies bodies;
	bool calendar;
	size_t n_inline, n_files;
	bool has_embedded;
	const struct report *report; /* or NULL */
	size_t status, original;     /* rows of attachments that are parts of the report */
};

static size_t n_bodies(const struct plan *p)
{
	return (size_t)(p->bodies.text != BODY_NONE) + (p->bodies.html != BODY_NONE) + p->calendar;
}

#define ATTACH_RENDERED 4 /* attRenderedInBody of PidTagAttachFlags */

/* Is it part of the page rather than a file? */
static bool is_inline(const struct plan *p, const struct mapi_attachment *att)
{
	if (p->bodies.html == BODY_NONE || att->method == MAPI_ATTACH_EMBEDDED)
		return false;
	return (att->flags > 0 && (att->flags & ATTACH_RENDERED)) || att->hidden ||
	       refs_has(&p->bodies.refs, slice_str(att->content_id)) ||
	       refs_has(&p->bodies.refs, slice_str(att->content_location));
}

/* The invitation as it was received, attached: then we make none. */
static bool is_calendar(const struct mapi_attachment *att)
{
	return att->mime_type != NULL && (strcasecmp(att->mime_type, "text/calendar") == 0 ||
					  strcasecmp(att->mime_type, "application/ics") == 0);
}

static void plan_attachment(struct plan *p, const struct mapi_attachment *att, size_t row)
{
	p->has_embedded = p->has_embedded || att->method == MAPI_ATTACH_EMBEDDED;
	p->calendar = p->calendar && !is_calendar(att);
	if (p->report && p->status == NO_ROW && report_is_status(p->report, att))
		p->status = row;
	else if (p->report && p->original == NO_ROW && att->method == MAPI_ATTACH_EMBEDDED)
		p->original = row;
	else if (is_inline(p, att))
		p->n_inline++;
	else
		p->n_files++;
}

static void plan_parts(struct composer *c, const struct entity *e, struct plan *p)
{
	struct mapi_attachment att;
	struct attachments it;

	p->e = e;
	p->report = report_of_class(e->item->message_class);
	p->status = p->original = NO_ROW;
	p->calendar = calendar_due(e);
	bodies_plan(c, e, &p->bodies);
	attachments_start(&it, c, e->item);
	while (attachments_next(&it, &att))
		plan_attachment(p, &att, it.row - 1);
	attachments_release(&it);
}

/* ---- writing ---- */

/* All attachments of one sort, each as a part of `m`, or the only one without it. */
static void write_attachments(struct composer *c, const struct plan *p, struct multipart *m,
			      bool inlines)
{
	struct mapi_attachment att;
	struct attachments it;

	attachments_start(&it, c, p->e->item);
	while (attachments_next(&it, &att)) {
		if (is_inline(p, &att) != inlines || it.row - 1 == p->status ||
		    it.row - 1 == p->original)
			continue;
		if (m != NULL)
			multipart_next(c, m);
		attachment_write(c, p->e, &att, inlines);
	}
	attachments_release(&it);
}

static void write_bodies(struct composer *c, const struct plan *p, struct multipart *m)
{
	if (m != NULL && p->bodies.text != BODY_NONE)
		multipart_next(c, m);
	if (p->bodies.text != BODY_NONE)
		body_write_text(c, p->e, &p->bodies);
	if (m != NULL && p->bodies.html != BODY_NONE)
		multipart_next(c, m);
	if (p->bodies.html != BODY_NONE)
		body_write_html(c, p->e, &p->bodies);
	if (m != NULL && p->calendar)
		multipart_next(c, m);
	if (p->calendar)
		calendar_write(c, p->e);
}

static void write_alternative(struct composer *c, const struct plan *p)
{
	struct multipart m = { 0 };

	if (n_bodies(p) == 1) {
		write_bodies(c, p, NULL);
		return;
	}
	multipart_open(c, &m, "alternative", "");
	write_bodies(c, p, &m);
	multipart_close(c, &m);
}

static void write_related(struct composer *c, const struct plan *p)
{
	bool alternative = n_bodies(p) > 1;
	struct multipart m = { 0 };

	if (p->n_inline == 0) {
		write_alternative(c, p);
		return;
	}
	multipart_open(c, &m, "related",
		       alternative ? "; type=\"multipart/alternative\"" : "; type=\"text/html\"");
	multipart_next(c, &m);
	write_alternative(c, p);
	write_attachments(c, p, &m, true);
	multipart_close(c, &m);
}

/* The attachment of one row, as a part of the report. */
static void write_row(struct composer *c, const struct plan *p, struct multipart *m, size_t row)
{
	struct mapi_attachment att;
	struct attachments it;

	attachments_start(&it, c, p->e->item);
	it.row = row;
	if (attachments_next(&it, &att)) {
		multipart_next(c, m);
		if (row == p->status)
			report_write_stored(c, p->report, &att);
		else
			attachment_write(c, p->e, &att, false);
	}
	attachments_release(&it);
}

static void write_report(struct composer *c, const struct plan *p)
{
	struct multipart m = { 0 };
	char params[80];

	snprintf(params, sizeof(params), "; report-type=%s", p->report->type);
	multipart_open(c, &m, "report", params);
	multipart_next(c, &m);
	if (n_bodies(p) > 0)
		write_related(c, p);
	else
		report_write_text(c, p->report);
	if (p->status != NO_ROW) {
		write_row(c, p, &m, p->status);
	} else {
		multipart_next(c, &m);
		report_write_status(c, p->e, p->report);
	}
	if (p->original != NO_ROW)
		write_row(c, p, &m, p->original);
	multipart_close(c, &m);
}

/* What people see, without the files. */
static void write_shown(struct composer *c, const struct plan *p)
{
	if (p->report != NULL)
		write_report(c, p);
	else
		write_related(c, p);
}

static void write_mixed(struct composer *c, const struct plan *p)
{
	struct multipart m = { 0 };

	multipart_open(c, &m, "mixed", "");
	if (n_bodies(p) > 0 || p->report != NULL) {
		multipart_next(c, &m);
		write_shown(c, p);
	}
	if (p->bodies.attach_rtf) {
		multipart_next(c, &m);
		body_write_rtf(c, p->e);
	}
	write_attachments(c, p, &m, false);
	multipart_close(c, &m);
}

static void write_nothing(struct composer *c)
{
	outlet_adds(&c->out, "Content-Type: text/plain; charset=us-ascii\r\n"
			     "Content-Transfer-Encoding: 7bit\r\n\r\n");
}

void parts_write(struct composer *c, const struct entity *e)
{
	struct plan *p = arena_alloc(c->scratch, sizeof(*p));
	size_t files;
	bool shown;

	if (p == NULL) {
		c->out.failed = true;
		err_nomem(&c->out.err);
		return;
	}
	plan_parts(c, e, p);
	if (p->has_embedded && e->depth == 0)
		c->eight_bit = embedded_eight_bit(c, e->item, 0);
	files = p->n_files + p->bodies.attach_rtf;
	shown = n_bodies(p) > 0 || p->report != NULL;
	outlet_adds(&c->out, "MIME-Version: 1.0\r\n");
	if (n_bodies(p) == 0)
		c->fidelity |= FIDELITY_NO_BODY;
	if (files == 0 && !shown)
		write_nothing(c);
	else if (files == 0)
		write_shown(c, p);
	else if (files == 1 && !shown)
		write_attachments(c, p, NULL, false);
	else
		write_mixed(c, p);
}
