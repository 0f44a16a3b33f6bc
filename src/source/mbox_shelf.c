/*
 * A handful of places, searched from one end to the other. See mbox_shelf.h.
 */
#include "source/mbox_shelf.h"

#include <stdlib.h>
#include <string.h>

static void empty(struct mbox_place *p)
{
	mbox_file_close(p->file);
	free(p->name);
	*p = (struct mbox_place){ 0 };
}

struct mbox_file *mbox_shelf_get(struct mbox_shelf *s, const char *name)
{
	for (size_t i = 0; i < MBOX_SHELF_PLACES; i++) {
		struct mbox_place *p = &s->place[i];

		if (!p->file || strcmp(p->name, name) != 0)
			continue;
		p->used = ++s->clock;
		return p->file;
	}
	return NULL;
}

int mbox_shelf_put(struct mbox_shelf *s, const char *name, struct mbox_file *file, struct err *err)
{
	struct mbox_place *oldest = &s->place[0];
	char *copy = strdup(name);

	if (!copy) {
		mbox_file_close(file);
		return err_nomem(err);
	}
	for (size_t i = 1; i < MBOX_SHELF_PLACES; i++)
		if (s->place[i].used < oldest->used) /* 0: free */
			oldest = &s->place[i];
	empty(oldest);
	*oldest = (struct mbox_place){ copy, file, ++s->clock };
	return 0;
}

void mbox_shelf_clear(struct mbox_shelf *s)
{
	for (size_t i = 0; i < MBOX_SHELF_PLACES; i++)
		empty(&s->place[i]);
}
