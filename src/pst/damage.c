/*
 * A queue of findings with a limit (damage.h). What does not fit is summed up, so
 * that the number of items lost is right whatever happens.
 */
#include "pst/damage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void damage_add(struct damages *d, uint32_t nid, uint64_t lost, const char *fmt, ...)
{
	size_t at = (d->first + d->n) % DAMAGE_MAX;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (d->n == DAMAGE_MAX || vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text) {
		d->untold++;
		d->untold_lost += lost;
		return;
	}
	d->kept[at].nid = nid;
	d->kept[at].lost = lost;
	d->kept[at].unknown = false;
	d->kept[at].text = text;
	d->n++;
}

void damage_unknown(struct damages *d)
{
	if (d->untold > 0)
		d->untold_unknown = true;
	else if (d->n > 0)
		d->kept[(d->first + d->n - 1) % DAMAGE_MAX].unknown = true;
}

int damage_next(struct damages *d, struct arena *a, struct pst_damage *out)
{
	size_t at = d->first;

	if (d->n > 0) {
		*out = (struct pst_damage){ d->kept[at].nid, d->kept[at].lost, d->kept[at].unknown,
					    arena_str(a, d->kept[at].text) };
		free(d->kept[at].text);
		d->first = (at + 1) % DAMAGE_MAX;
		d->n--;
	} else if (d->untold > 0) {
		*out = (struct pst_damage){ 0, d->untold_lost, d->untold_unknown,
					    arena_printf(a, "%llu further defects",
							 (unsigned long long)d->untold) };
		d->untold = d->untold_lost = 0;
		d->untold_unknown = false;
	} else {
		return 0;
	}
	if (!out->text)
		out->text = "damaged";
	return 1;
}

void damage_release(struct damages *d)
{
	for (; d->n > 0; d->n--, d->first = (d->first + 1) % DAMAGE_MAX)
		free(d->kept[d->first].text);
	d->untold = d->untold_lost = 0;
}
