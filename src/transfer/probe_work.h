/*
 * The inside of a probe: what probe.c, probe_names.c, probe_mail.c and
 * probe_commands.c share.
 */
#ifndef MAILHOIST_TRANSFER_PROBE_WORK_H
#define MAILHOIST_TRANSFER_PROBE_WORK_H

#include "transfer/internal.h"
#include "transfer/probe.h"

struct probe_work {
	const struct probe *probe;
	struct session *session;
	struct arena *arena; /* the caller's: of what is told */
	struct probe_result *result;
	char random[17];
	struct listed_folder scratch; /* wire_name NULL: not made yet */
	unsigned lines_lost;	      /* by trials */
	unsigned messages;	      /* made so far: each has a Message-ID of its own */
	bool looked;		      /* at the first message that came back */
	bool rewrites;		      /* it had other header fields, though nothing was odd */
};

/* Each makes its trials: 0, or -1 when the line is lost or a signal came. */
int probe_names(struct probe_work *w, struct err *err);
int probe_mail(struct probe_work *w, struct err *err);
int probe_commands(struct probe_work *w, struct err *err);
int probe_limits(struct probe_work *w, struct err *err);

/* Write a trial down. The text is copied; NULL: nothing to say. */
int trial_add(struct probe_work *w, const char *id, const char *title, enum trial_verdict verdict,
	      const char *text, struct err *err);

/* The wire name of a folder in the scratch folder. NULL: *err tells. */
const char *probe_child(struct probe_work *w, const char *name, struct err *err);

/* ---- probe_mail.c ---- */

struct probe_message {
	struct append_spec spec; /* size and synchronising are filled in */
	struct slice bytes;
};
/* APPEND of `n` messages into the scratch folder, each waiting for its "+", and the whole again
 * when the server puts us off: 1 *out is the answer, its text good until the session's next call;
 * -1 the line is lost. */
int probe_append(struct probe_work *w, const struct probe_message *messages, size_t n,
		 struct append_result *out, struct err *err);
/* Write down that it was refused, or, when the server keeps putting us off, that nobody knows. */
int trial_refused(struct probe_work *w, const char *id, const char *title,
		  const struct append_result *r, struct err *err);
/* Wait for the next answer. */
int probe_reap(struct session *s, struct append_result *out, struct err *err);

/* A small message with a Message-ID of its own: `fields` are header lines, `body` what is below
 * them. */
void probe_compose(struct probe_work *w, struct buf *out, struct slice fields, struct slice body);

#define PROBE_DATE INT64_C(1078049471) /* 29 February 2004, 10:11:11 */

#endif
