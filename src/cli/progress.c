/*
 * Progress on stderr. See progress.h.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define TERMINAL_EVERY_MS 100
#define PLAIN_EVERY_MS	  5000
#define WIDTH_DEFAULT	  80
#define LINE_MAX_BYTES	  1024

void progress_view_init(struct progress_view *v, const struct options *options)
{
	const char *term = getenv("TERM");

	memset(v, 0, sizeof(*v));
	v->quiet = options->quiet;
	v->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
		return size.ws_col;
	return WIDTH_DEFAULT;
}

/* "uploading 'Sent': 120 of 4000, 5.2 MB, 310/s, 0:12 left" */
static void describe(struct buf *b, const struct progress_view *v, const char *phase, uint64_t done,
		     uint64_t total, uint64_t bytes, int64_t now)
{
	int64_t ms = now - v->phase_since_ms;
	uint64_t moved = done > v->phase_start ? done - v->phase_start : 0;

	buf_adds(b, phase);
	if (total > 0)
		buf_addf(b, ": %llu of %llu", (unsigned long long)done, (unsigned long long)total);
	else if (done > 0)
		buf_addf(b, ": %llu", (unsigned long long)done);
	if (bytes > 0) {
		buf_adds(b, ", ");
		text_add_size(b, bytes);
	}
	if (ms < 1000 || moved == 0)
		return;
	buf_addf(b, ", %llu/s", (unsigned long long)(moved * 1000 / (uint64_t)ms));
	if (total > done) {
		uint64_t left = (total - done) * (uint64_t)ms / moved / 1000;

		buf_addf(b, ", %llu:%02llu left", (unsigned long long)(left / 60),
			 (unsigned long long)(left % 60));
	}
}

static void update(void *context, const char *phase, uint64_t done, uint64_t total, uint64_t bytes)
{
	struct progress_view *v = context;
	int64_t now = time_monotonic_ms();
	CLEANUP(buf_release) struct buf text = BUF_INIT(LINE_MAX_BYTES);
	CLEANUP(buf_release) struct buf safe = BUF_INIT(LINE_MAX_BYTES);

	if (v->quiet)
		return;
	if (strncmp(v->phase, phase, sizeof(v->phase) - 1) != 0) {
		snprintf(v->phase, sizeof(v->phase), "%s", phase);
		v->phase_since_ms = now;
		v->phase_start = done;
	}
	if (now - v->shown_at_ms < (v->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS))
		return;
	v->shown_at_ms = now;
	describe(&text, v, phase, done, total, bytes, now);
	text_add_safe(&safe, buf_slice(&text), v->terminal ? terminal_width() - 1 : 0);
	if (!buf_cstr(&safe))
		return;
	fprintf(stderr, v->terminal ? "\r%s\033[K" : "%s\n", safe.ptr);
	v->line_open = v->terminal;
}

void progress_view_end(struct progress_view *v)
{
	if (v->line_open)
		fputs("\r\033[K", stderr);
	v->line_open = false;
}

static void note(void *context, const char *text)
{
	struct progress_view *v = context;
	CLEANUP(buf_release) struct buf safe = BUF_INIT(LINE_MAX_BYTES);

	text_add_safe(&safe, slice_str(text), 0);
	progress_view_end(v);
	if (buf_cstr(&safe))
		fprintf(stderr, "mailhoist: %s\n", safe.ptr);
}

struct progress progress_of(struct progress_view *v)
{
	return (struct progress){ v, update, note };
}
