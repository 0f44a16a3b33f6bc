/*
 * `plan --format jsonl`: every line of a run's plan as a JSON object. See report.h.
 */
#include "report/report.h"

#include "report/facts.h"

#define OUTPUT_LIMIT ((size_t)64 << 20)
#define ARENA_LIMIT  ((size_t)64 << 20)

static void put_line(struct json *j, const struct line *line)
{
	struct message_facts facts = {
		.source = line->store.source,
		.kind = line->store.kind,
		.folder = line->store.folder,
		.depth = line->store.depth,
		.locator = line->locator,
		.message_id = line->message_id,
		.sha256 = line->has_sha256 ? line->sha256 : NULL,
		.size = line->size,
		.internaldate = line->internaldate,
		.date_source = line->date_source,
		.flags = &line->flags,
		.state = line->state,
		.repairs = line->repairs,
		.fidelity = line->fidelity,
	};

	json_open(j, '{');
	facts_write(j, &facts);
	json_put_text(j, "action", action_name(line->action));
	json_put_text(j, "target", line->target);
	json_put_text(j, "match", match_level_name(line->level));
	json_put_text(j, "found_in", line->found_in);
	json_put_text(j, "reason", line->reason);
	json_close(j, '}');
}

int report_lines(struct journal *j, int64_t run, const struct report_options *options,
		 struct err *err)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUTPUT_LIMIT);
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct line_cursor cursor;
	struct line line;
	struct json json;
	int got;

	if (journal_lines_begin(j, run, LINES_ALL, &cursor, err) != 0)
		return -1;
	while ((got = journal_lines_next(j, &cursor, &a, &line, err)) > 0) {
		json_init(&json, &out);
		put_line(&json, &line);
		buf_addc(&out, '\n');
		arena_reset(&a);
		if (fd_flush(options->fd, &out, false, err) != 0) {
			got = -1;
			break;
		}
	}
	journal_lines_end(&cursor);
	return got < 0 ? -1 : fd_flush(options->fd, &out, true, err);
}
