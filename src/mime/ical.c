/*
 * iCalendar. See ical.h; MS-OXOCAL for the properties, MS-OXCICAL for how they
 * correspond. Single events are given in UTC; a series in local time with its zone,
 * because it moves with daylight saving.
 */
#include "mime/ical.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "mime/address.h"
#include "mime/fields.h"
#include "mime/recur.h"

#define LID_SEQUENCE	 0x8201
#define LID_BUSY	 0x8205
#define LID_LOCATION	 0x8208
#define LID_START	 0x820d
#define LID_END		 0x820e
#define LID_ALL_DAY	 0x8215
#define LID_RECUR	 0x8216
#define LID_ZONE	 0x8233
#define LID_ZONE_NAME	 0x8234
#define LID_COMMON_START 0x8516 /* of MAPI_SET_COMMON */
#define LID_COMMON_END	 0x8517
#define LID_REMINDER	 0x8503
#define LID_REMINDER_MIN 0x8501
#define LID_GLOBAL_ID	 0x0003 /* of MAPI_SET_MEETING */
#define LID_CLEAN_ID	 0x0023
#define TAG_START	 0x0060
#define TAG_END		 0x0061

#define DESCRIPTION_MAX 32768
#define GLOBAL_ID_DATA	40 /* offset of the data in a global object id */
#define DAY		INT64_C(86400)
#define REMINDER_MAX	(60 * 24 * 366) /* minutes */

enum ical_method ical_method_of_class(const char *message_class, const char **status)
{
	static const struct {
		const char *class, *status;
		enum ical_method method;
	} rows[] = {
		{ "IPM.Schedule.Meeting.Request", NULL, ICAL_REQUEST },
		{ "IPM.Schedule.Meeting.Canceled", NULL, ICAL_CANCEL },
		{ "IPM.Schedule.Meeting.Resp.Pos", "ACCEPTED", ICAL_REPLY },
		{ "IPM.Schedule.Meeting.Resp.Neg", "DECLINED", ICAL_REPLY },
		{ "IPM.Schedule.Meeting.Resp.Tent", "TENTATIVE", ICAL_REPLY },
	};

	*status = NULL;
	for (size_t i = 0; message_class && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcasecmp(message_class, rows[i].class) == 0) {
			*status = rows[i].status;
			return rows[i].method;
		}
	}
	return ICAL_NONE;
}

const char *ical_method_name(enum ical_method method)
{
	static const char *const names[] = { "", "PUBLISH", "REQUEST", "CANCEL", "REPLY" };

	return names[method];
}

/* ---- properties ---- */

struct event {
	const struct entity *e;
	struct arena *a;
	int64_t start, end; /* UTC */
	bool all_day;
	struct recur *recur; /* NULL: a single event */
	struct zone *zone;   /* of a series, or NULL */
	const char *zone_name;
};

static struct mapi_value get(const struct entity *e, struct arena *a, enum mapi_set set,
			     uint32_t lid)
{
	struct mapi_value v = { .type = MAPI_ABSENT };

	e->item->ops->named(e->item, set, lid, NULL, a, &v);
	return v;
}

static int64_t number(const struct event *ev, enum mapi_set set, uint32_t lid, int64_t otherwise)
{
	struct mapi_value v = get(ev->e, ev->a, set, lid);

	return v.type == MAPI_INTEGER || v.type == MAPI_BOOLEAN ? v.integer : otherwise;
}

static int64_t time_of(const struct mapi_value *v)
{
	return v->type == MAPI_TIME && v->integer > 0 ? filetime_seconds((uint64_t)v->integer)
						      : TIME_NONE;
}

/* A time from the first of three places that has it. */
static int64_t event_time(const struct entity *e, struct arena *a, uint32_t lid, uint32_t common,
			  uint16_t tag)
{
	struct mapi_value v = get(e, a, MAPI_SET_APPOINTMENT, lid);
	int64_t t = time_of(&v);

	if (t == TIME_NONE) {
		v = get(e, a, MAPI_SET_COMMON, common);
		t = time_of(&v);
	}
	if (t == TIME_NONE && e->item->ops->property(e->item, tag, a, &v))
		t = time_of(&v);
	return t;
}

static int64_t start_time(const struct entity *e, struct arena *a)
{
	return event_time(e, a, LID_START, LID_COMMON_START, TAG_START);
}

bool ical_possible(const struct entity *e)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);

	return start_time(e, &a) != TIME_NONE;
}

static void read_series(struct event *ev)
{
	struct mapi_value v = get(ev->e, ev->a, MAPI_SET_APPOINTMENT, LID_RECUR);
	struct recur *r = v.type == MAPI_BINARY ? arena_alloc(ev->a, sizeof(*r)) : NULL;
	struct zone *z;

	if (r == NULL || !recur_read(v.bytes, r))
		return;
	ev->recur = r;
	v = get(ev->e, ev->a, MAPI_SET_APPOINTMENT, LID_ZONE);
	z = v.type == MAPI_BINARY ? arena_alloc(ev->a, sizeof(*z)) : NULL;
	if (z != NULL && zone_read(v.bytes, z))
		ev->zone = z;
	v = get(ev->e, ev->a, MAPI_SET_APPOINTMENT, LID_ZONE_NAME);
	ev->zone_name = v.type == MAPI_TEXT && v.bytes.len > 0
				? arena_slice(ev->a, slice_head(v.bytes, 200))
				: "Local";
}

static void read_event(struct event *ev, const struct entity *e, struct arena *a)
{
	*ev = (struct event){ .e = e, .a = a, .start = start_time(e, a) };
	ev->end = event_time(e, a, LID_END, LID_COMMON_END, TAG_END);
	if (ev->end == TIME_NONE || ev->end < ev->start)
		ev->end = ev->start;
	ev->all_day = number(ev, MAPI_SET_APPOINTMENT, LID_ALL_DAY, 0) != 0;
	read_series(ev);
}

/* ---- lines ---- */

/* Days are stored as midnight of wherever the author was: the nearest midnight of UTC is his day.
 */
static int64_t nearest_day(int64_t t)
{
	return (t + DAY / 2) / DAY * DAY;
}

/* How far local times of the series are ahead of UTC, where no zone says so. */
static int64_t plain_offset(const struct event *ev)
{
	return ev->recur && !ev->zone ? ev->recur->start - ev->start : 0;
}

/* `local`: in the series' own time. */
static void write_time(struct cardline *out, const struct event *ev, const char *name, int64_t t,
		       bool local)
{
	cardline_begin(out, name);
	if (ev->all_day) {
		cardline_add(out, ";VALUE=DATE:");
		cardline_add_date(out, local ? t : nearest_day(t));
	} else if (local && ev->zone != NULL) {
		cardline_add(out, ";TZID=");
		cardline_add_quoted(out, slice_str(ev->zone_name));
		cardline_add(out, ":");
		cardline_add_local(out, t);
	} else {
		cardline_add(out, ":");
		cardline_add_time(out, local ? t - plain_offset(ev) : t);
	}
	cardline_end(out);
}

static void write_uid(struct cardline *out, const struct event *ev)
{
	static const uint32_t lids[] = { LID_CLEAN_ID, LID_GLOBAL_ID };
	const struct mapi_item *item = ev->e->item;

	cardline_begin(out, "UID:");
	for (size_t i = 0; i < 2; i++) {
		struct mapi_value v = get(ev->e, ev->a, MAPI_SET_MEETING, lids[i]);
		struct slice data = slice_from(v.bytes, GLOBAL_ID_DATA);

		if (v.type != MAPI_BINARY || v.bytes.len < 20)
			continue;
		/* Another program's UID is kept inside (MS-OXCICAL 2.1.3.1.1.20.26). */
		if (slice_starts(data, SLICE_LIT("vCal-Uid"))) {
			data = slice_from(data, 12);
			cardline_add_text(out, slice_cut(&data, '\0'));
			cardline_end(out);
			return;
		}
		for (size_t k = 0; k < v.bytes.len; k++)
			buf_addf(&out->line, "%02X",
				 lids[i] == LID_GLOBAL_ID && k >= 16 && k < 20
					 ? 0
					 : (unsigned char)v.bytes.ptr[k]);
		cardline_end(out);
		return;
	}
	cardline_add(out, "pst.");
	for (size_t k = 0; k < sizeof(item->store_uid); k++)
		buf_addf(&out->line, "%02x", item->store_uid[k]);
	buf_addf(&out->line, ".%08x@pst.invalid", item->nid);
	cardline_end(out);
}

static void write_stamp(struct cardline *out, const struct event *ev)
{
	const struct mapi_item *item = ev->e->item;
	const uint64_t times[] = { item->submitted, item->modified, item->delivered,
				   item->created };
	int64_t t = TIME_NONE;

	for (size_t i = 0; i < 4 && t == TIME_NONE; i++)
		t = filetime_seconds(times[i]);
	cardline_begin(out, "DTSTAMP:");
	cardline_add_time(out, t == TIME_NONE ? ev->start : t);
	cardline_end(out);
}

static void write_person(struct cardline *out, const char *name, const char *params,
			 const struct mailbox *m)
{
	if (m->address == NULL)
		return;
	cardline_begin(out, name);
	cardline_add(out, params);
	if (m->name != NULL) {
		cardline_add(out, ";CN=");
		cardline_add_quoted(out, slice_str(m->name));
	}
	cardline_add(out, ":mailto:");
	cardline_add(out, m->address);
	cardline_end(out);
}

/* Those who are invited; of an answer, the one who answers. */
static void write_people(struct composer *c, struct cardline *out, const struct event *ev,
			 enum ical_method method, const char *status)
{
	static const char *const roles[] = { ";ROLE=REQ-PARTICIPANT", ";ROLE=REQ-PARTICIPANT",
					     ";ROLE=OPT-PARTICIPANT",
					     ";CUTYPE=RESOURCE;ROLE=NON-PARTICIPANT" };
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	const struct mapi_item *item = ev->e->item;
	bool by_from = item->from.address != NULL || item->from.name != NULL;
	struct mapi_person p;
	struct mailbox m;
	struct err err = ERR_INIT;

	address_resolve(c, ev->e, by_from ? &item->from : &item->sender, &a, &m);
	if (method == ICAL_REPLY)
		write_person(out, "ATTENDEE;PARTSTAT=", status, &m);
	else
		write_person(out, "ORGANIZER", "", &m);
	for (size_t row = 0; item->ops->recipient(item, row, &a, &p, &err) > 0; row++) {
		address_resolve(c, ev->e, &p, &a, &m);
		if (method != ICAL_REPLY)
			write_person(out, "ATTENDEE", roles[p.type & 3], &m);
		else if (row == 0)
			write_person(out, "ORGANIZER", "", &m);
		arena_reset(&a);
	}
}

/* Beside the invitation in a mail stands its whole text; a file has nothing else. */
static void write_description(struct composer *c, struct cardline *out, const struct event *ev,
			      enum ical_method method)
{
	struct reader *r =
		line_reader_start(&c->lines, blob_reader_start(&c->blob, &ev->e->item->text));
	CLEANUP(buf_release) struct buf text = BUF_INIT(2 * DESCRIPTION_MAX);

	if (!reader_head(r, DESCRIPTION_MAX, &text) && method == ICAL_PUBLISH)
		c->fidelity |= FIDELITY_BODY_CUT;
	cardline_text(out, "DESCRIPTION", buf_slice(&text));
}

static void write_state(struct cardline *out, const struct event *ev, enum ical_method method)
{
	static const char *const busy[] = { "FREE", "TENTATIVE", "BUSY", "OOF" };
	int64_t state = number(ev, MAPI_SET_APPOINTMENT, LID_BUSY, -1);
	int64_t sequence = number(ev, MAPI_SET_APPOINTMENT, LID_SEQUENCE, 0);

	cardline_begin(out, "SEQUENCE:");
	buf_addf(&out->line, "%lld", (long long)(sequence > 0 ? sequence : 0));
	cardline_end(out);
	if (method == ICAL_CANCEL)
		cardline_line(out, "STATUS", "CANCELLED");
	if (state >= 0 && state <= 3) {
		cardline_line(out, "TRANSP", state == 0 ? "TRANSPARENT" : "OPAQUE");
		cardline_line(out, "X-MICROSOFT-CDO-BUSYSTATUS", busy[state]);
	}
	if (ev->e->item->sensitivity >= 1 && ev->e->item->sensitivity <= 3)
		cardline_line(out, "CLASS",
			      ev->e->item->sensitivity == 3 ? "CONFIDENTIAL" : "PRIVATE");
}

static void write_series(struct cardline *out, const struct event *ev)
{
	const struct recur *r = ev->recur;
	int64_t until = ev->zone ? zone_offset(ev->zone, r->last) : plain_offset(ev);

	recur_write_rule(out, r, ev->all_day ? 0 : until);
	for (size_t i = 0; i < r->n_deleted; i++) {
		bool changed = false;

		for (size_t k = 0; k < r->n_changed; k++)
			changed = changed || r->changed[k].original / DAY == r->deleted[i] / DAY;
		if (!changed)
			write_time(out, ev, "EXDATE", r->deleted[i] + (int64_t)r->start_minute * 60,
				   true);
	}
}

static void write_alarm(struct cardline *out, const struct event *ev)
{
	int64_t minutes = number(ev, MAPI_SET_COMMON, LID_REMINDER_MIN, -1);

	if (number(ev, MAPI_SET_COMMON, LID_REMINDER, 0) == 0 || minutes < 0 ||
	    minutes > REMINDER_MAX)
		return;
	cardline_line(out, "BEGIN", "VALARM");
	cardline_line(out, "ACTION", "DISPLAY");
	cardline_line(out, "DESCRIPTION", "Reminder");
	cardline_begin(out, "TRIGGER:-PT");
	buf_addf(&out->line, "%lldM", (long long)minutes);
	cardline_end(out);
	cardline_line(out, "END", "VALARM");
}

/* An event; of a series, the changed instance `change`. */
static void write_event(struct composer *c, struct cardline *out, const struct event *ev,
			enum ical_method method, const char *status,
			const struct recur_change *change)
{
	struct mapi_value location = get(ev->e, ev->a, MAPI_SET_APPOINTMENT, LID_LOCATION);
	const struct recur *r = ev->recur;

	cardline_line(out, "BEGIN", "VEVENT");
	write_uid(out, ev);
	write_stamp(out, ev);
	if (change != NULL)
		write_time(out, ev, "RECURRENCE-ID", change->original, true);
	write_time(out, ev, "DTSTART",
		   change ? change->start
		   : r	  ? r->start
			  : ev->start,
		   r != NULL);
	write_time(out, ev, "DTEND", change ? change->end : r ? r->end : ev->end, r != NULL);
	cardline_text(out, "SUMMARY", slice_str(ev->e->item->subject));
	if (location.type == MAPI_TEXT)
		cardline_text(out, "LOCATION", location.bytes);
	write_people(c, out, ev, method, status);
	write_state(out, ev, method);
	if (change == NULL && r != NULL)
		write_series(out, ev);
	if (change == NULL)
		write_description(c, out, ev, method);
	if (method == ICAL_PUBLISH || method == ICAL_REQUEST)
		write_alarm(out, ev);
	cardline_line(out, "END", "VEVENT");
}

void ical_write(struct composer *c, const struct entity *e, enum ical_method method,
		const char *status, struct outlet *to)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	CLEANUP(cardline_release) struct cardline out;
	struct event ev;

	cardline_init(&out, to);
	read_event(&ev, e, &a);
	cardline_line(&out, "BEGIN", "VCALENDAR");
	cardline_line(&out, "VERSION", "2.0");
	cardline_line(&out, "PRODID", "-//mailhoist//mailhoist//EN");
	cardline_line(&out, "METHOD", ical_method_name(method));
	if (ev.zone != NULL && !ev.all_day)
		zone_write(&out, ev.zone, ev.zone_name);
	write_event(c, &out, &ev, method, status, NULL);
	for (size_t i = 0; ev.recur != NULL && i < ev.recur->n_changed; i++)
		write_event(c, &out, &ev, method, status, &ev.recur->changed[i]);
	cardline_line(&out, "END", "VCALENDAR");
}
