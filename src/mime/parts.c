/*
 * The tree of parts. See parts.h.
 */
#include "mime/parts.h"

#include <stdio.h>

#include "mime/attach.h"
#include "mime/body.h"

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

struct plan {
	const struct entity *e;
	struct bodies bodies;
	size_t n_inline, n_files;
	bool has_embedded;
};

static bool has_body(const struct plan *p)
{
	return p->bodies.text != BODY_NONE || p->bodies.html != BODY_NONE;
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

static void plan_attachments(struct composer *c, struct plan *p)
{
	struct mapi_attachment att;
	struct attachments it;

	attachments_start(&it, c, p->e->item);
	while (attachments_next(&it, &att)) {
		if (is_inline(p, &att))
			p->n_inline++;
		else
			p->n_files++;
		p->has_embedded = p->has_embedded || att.method == MAPI_ATTACH_EMBEDDED;
	}
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
		if (is_inline(p, &att) != inlines)
			continue;
		if (m != NULL)
			multipart_next(c, m);
		attachment_write(c, p->e, &att, inlines);
	}
	attachments_release(&it);
}

static void write_alternative(struct composer *c, const struct plan *p)
{
	struct multipart m;

	if (p->bodies.html == BODY_NONE) {
		body_write_text(c, p->e, &p->bodies);
		return;
	}
	if (p->bodies.text == BODY_NONE) {
		body_write_html(c, p->e, &p->bodies);
		return;
	}
	multipart_open(c, &m, "alternative", "");
	multipart_next(c, &m);
	body_write_text(c, p->e, &p->bodies);
	multipart_next(c, &m);
	body_write_html(c, p->e, &p->bodies);
	multipart_close(c, &m);
}

static void write_related(struct composer *c, const struct plan *p)
{
	bool alternative = p->bodies.text != BODY_NONE;
	struct multipart m;

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

static void write_mixed(struct composer *c, const struct plan *p)
{
	struct multipart m;

	multipart_open(c, &m, "mixed", "");
	if (has_body(p)) {
		multipart_next(c, &m);
		write_related(c, p);
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

	if (p == NULL) {
		c->out.failed = true;
		err_nomem(&c->out.err);
		return;
	}
	p->e = e;
	bodies_plan(c, e, &p->bodies);
	plan_attachments(c, p);
	if (p->has_embedded && e->depth == 0)
		c->eight_bit = embedded_eight_bit(c, e->item, 0);
	files = p->n_files + p->bodies.attach_rtf;
	outlet_adds(&c->out, "MIME-Version: 1.0\r\n");
	if (!has_body(p))
		c->fidelity |= FIDELITY_NO_BODY;
	if (files + has_body(p) == 0)
		write_nothing(c);
	else if (files == 0)
		write_related(c, p);
	else if (files == 1 && !has_body(p))
		write_attachments(c, p, NULL, false);
	else
		write_mixed(c, p);
}
