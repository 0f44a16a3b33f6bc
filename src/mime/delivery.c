/*
 * Recipients of reports of delivery. See delivery.h.
 */
#include "mime/delivery.h"

#include <stdio.h>

#include "mime/word.h"

#define STATUS_TEXT    12 /* "5.255.255" */
#define TYPE_MAX       20 /* octets of "smtp", "dns", "x-..." */
#define HOST_MAX       255
#define KIND_DELIVERED '2'
#define KIND_FAILED    '5'

/* What is known, taken apart: texts of the store, or empty. */
struct details {
	struct slice status;
	struct slice mta;
	struct slice diagnostic; /* with its type */
	struct slice reply;	 /* of an SMTP server */
	struct slice info;	 /* anything else */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_' || c == '.';
}

/* How many octets at its beginning are a status of RFC 3463, and end there. */
static size_t status_length(struct slice s)
{
	size_t at = 2;

	if (s.len < 5 || (s.ptr[0] != '2' && s.ptr[0] != '4' && s.ptr[0] != '5') || s.ptr[1] != '.')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t begin = at;

		while (at < s.len && at < begin + 3 && is_digit(s.ptr[at]))
			at++;
		if (at == begin || (part == 0 && (at == s.len || s.ptr[at] != '.')))
			return 0;
		at += part == 0;
	}
	return at == s.len || s.ptr[at] == ' ' ? at : 0;
}

/* Does it begin with a type, as in "smtp; 550 no"? */
static bool is_typed(struct slice s)
{
	ptrdiff_t end = slice_find(s, ';');

	if (end <= 0 || end > TYPE_MAX)
		return false;
	for (ptrdiff_t i = 0; i < end; i++)
		if (!is_word(s.ptr[i]))
			return false;
	return true;
}

static bool is_reply(struct slice s)
{
	return s.len > 4 && (s.ptr[0] == '2' || s.ptr[0] == '4' || s.ptr[0] == '5') &&
	       is_digit(s.ptr[1]) && is_digit(s.ptr[2]) && s.ptr[3] == ' ';
}

/* "<mx.example.org #5.1.1 smtp;550 unknown>", as Exchange writes it: what is left is told in the
 * field of the reply. */
static struct slice take_brackets(struct slice s, struct details *d)
{
	ptrdiff_t mark = slice_find(s, '#');
	struct slice inner, rest;
	size_t n;

	if (s.len < 2 || s.ptr[0] != '<' || s.ptr[s.len - 1] != '>' || mark < 0)
		return s;
	inner = slice_head(s, s.len - 1);
	rest = slice_from(inner, (size_t)mark + 1);
	n = status_length(rest);
	if (n == 0)
		return s;
	d->status = slice_head(rest, n);
	d->mta = slice_trim(slice_from(slice_head(inner, (size_t)mark), 1));
	return slice_trim(slice_from(rest, n));
}

static void take_apart(const struct mapi_delivery *m, struct details *d)
{
	struct slice s = take_brackets(slice_trim(slice_str(m->info)), d);

	if (is_typed(s))
		d->diagnostic = s;
	else if (is_reply(s))
		d->reply = s;
	else
		d->info = s;
	if (d->status.len == 0 && d->reply.len > 0)
		d->status = slice_head(slice_from(s, 4), status_length(slice_from(s, 4)));
	if (slice_trim(slice_str(m->remote_mta)).len > 0)
		d->mta = slice_trim(slice_str(m->remote_mta));
}

/* The codes of X.400 that stand for one status only. */
static const char *status_of_diagnostic(int32_t code)
{
	static const struct {
		int32_t code;
		const char *status;
	} rows[] = {
		{ 0, "5.1.0" },	 { 1, "5.1.4" },  { 30, "5.2.4" }, { 32, "5.1.3" },
		{ 35, "5.1.1" }, { 38, "5.2.1" }, { 40, "5.1.6" }, { 48, "5.1.2" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].status;
	return NULL;
}

/* A success is no failure, whatever a row says (RFC 3464 2.3.4). */
static bool fits(const char *status, const char *of_report)
{
	return (status[0] == KIND_DELIVERED) == (of_report[0] == KIND_DELIVERED);
}

/* Where the words say nothing: the numbers. */
static const char *status_of_numbers(const struct mapi_delivery *m, const char *status,
				     char text[STATUS_TEXT])
{
	const char *known = NULL;
	int kind = m->status / 100;

	if (m->status < 600 && (kind == 2 || kind == 4 || kind == 5)) {
		snprintf(text, STATUS_TEXT, "%d.%d.%d", kind, m->status / 10 % 10, m->status % 10);
		if (fits(text, status))
			return text;
	}
	if (m->diagnosed && status[0] == KIND_FAILED)
		known = status_of_diagnostic(m->diagnostic);
	return known ? known : status;
}

static bool is_host(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_word(s.ptr[i]) && s.ptr[i] != ':' && s.ptr[i] != '[' && s.ptr[i] != ']')
			return false;
	return s.len > 0 && s.len <= HOST_MAX;
}

static void write_typed(struct outlet *out, const char *field, const char *type, struct slice text)
{
	struct hfield f;

	hfield_begin(&f, out, field);
	if (type)
		hfield_token(&f, slice_str(type));
	hfield_text(&f, text);
	hfield_end(&f);
}

void delivery_write_mta(struct outlet *out, const char *field, struct slice name)
{
	name = slice_trim(name);
	if (name.len > 0)
		write_typed(out, field,
			    is_typed(name)  ? NULL
			    : is_host(name) ? "dns;"
					    : "x-unknown;",
			    name);
}

void delivery_write(struct outlet *out, const struct mapi_delivery *m, const char *action,
		    const char *status)
{
	struct details d = { .status = { NULL, 0 } };
	char text[STATUS_TEXT];

	take_apart(m, &d);
	if (d.status.len == 0 || !fits(d.status.ptr, status))
		d.status = slice_str(status_of_numbers(m, status, text));
	outlet_addf(out, "Action: %s\r\nStatus: %.*s\r\n", action, (int)d.status.len, d.status.ptr);
	delivery_write_mta(out, "Remote-MTA", d.mta);
	if (d.diagnostic.len > 0)
		write_typed(out, "Diagnostic-Code", NULL, d.diagnostic);
	if (d.reply.len > 0)
		write_typed(out, "Diagnostic-Code", "smtp;", d.reply);
	if (d.info.len > 0)
		write_typed(out, "X-Supplementary-Info", NULL, d.info);
}
