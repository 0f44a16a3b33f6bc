/*
 * Passing progress on. See progress.h.
 */
#include "base/progress.h"

#include "base/err.h"

#include <stdio.h>

void progress_update(const struct progress *p, const char *phase, uint64_t done, uint64_t total,
		     uint64_t bytes)
{
	if (p && p->update)
		p->update(p->context, phase, done, total, bytes);
}

void progress_note(const struct progress *p, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	if (!p || !p->note)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	p->note(p->context, text);
}
