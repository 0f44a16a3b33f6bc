/*
 * Watching the process that reads a PST. See pst_child.h.
 */
#include "source/pst_child.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define LOOK_MS 250 /* between two looks at the page of one that says nothing */

static void reset_watch(struct pst_child *c)
{
	c->mute_since = c->at_item_since = time_monotonic_ms();
}

int pst_child_start(struct pst_child *c, int input, const struct pst_patience *patience,
		    int (*instead)(void), struct err *err)
{
	*c = (struct pst_child)PST_CHILD_NONE;
	c->patience = *patience;
	if (worker_start(&c->worker, "pst", input, instead, err) != 0)
		return -1;
	frame_out_init(&c->out, c->worker.socket, patience->item_ms);
	if (frame_in_init(&c->in, c->worker.socket, err) != 0) {
		pst_child_end(c, NULL, NULL);
		return -1;
	}
	reset_watch(c);
	return 0;
}

bool pst_child_runs(const struct pst_child *c)
{
	return c->worker.pid > 0;
}

int pst_child_send(struct pst_child *c, struct err *err)
{
	reset_watch(c);
	return frame_flush(&c->out, err);
}

/* It says nothing: has it moved on to another item? 0: let it go on. */
static int look(struct pst_child *c, struct err *err)
{
	uint32_t stage = c->worker.page->stage, item = c->worker.page->item;
	int64_t now = time_monotonic_ms();
	int allowed = stage <= PST_STAGE_OPEN ? c->patience.open_ms : c->patience.item_ms;

	if (stage != c->stage || item != c->item)
		c->at_item_since = now;
	c->stage = stage;
	c->item = item;
	if (now - c->at_item_since < allowed && now - c->mute_since < c->patience.open_ms)
		return 0;
	return err_set(err, ERR_TIMEOUT, SCOPE_SOURCE, RETRY_NOW, "made no progress for %lld s",
		       (long long)(now - c->at_item_since) / 1000);
}

int pst_child_next(struct pst_child *c, struct frame *out, struct err *err)
{
	int look_ms = c->patience.item_ms < LOOK_MS ? c->patience.item_ms : LOOK_MS;

	reset_watch(c);
	for (;;) {
		int got = frame_next(&c->in, look_ms, out, err);

		if (got > 0)
			return 1;
		if (got == 0)
			return err_set(err, ERR_EOF, SCOPE_SOURCE, RETRY_NOW, "is gone");
		if (err->code != ERR_TIMEOUT || look(c, err) != 0)
			return -1;
	}
}

void pst_child_end(struct pst_child *c, const struct err *cause, struct pst_death *death)
{
	struct pst_death d = { 0 };
	char why[WORKER_WHY_MAX];

	if (!pst_child_runs(c))
		return;
	d.stage = c->worker.page->stage;
	d.item = c->worker.page->item;
	worker_end(&c->worker, why);
	if (cause && (cause->code == ERR_TIMEOUT || cause->code == ERR_FORMAT))
		snprintf(d.why, sizeof(d.why), "%.*s", WORKER_WHY_MAX, cause->text);
	else
		snprintf(d.why, sizeof(d.why), "%s", *why ? why : "had to be ended");
	frame_in_release(&c->in);
	frame_out_release(&c->out);
	if (death)
		*death = d;
}
