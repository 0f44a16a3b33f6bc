/*
 * Fuzz target: what a worker sends, as its parent reads it: frames out of the stream,
 * and events out of the frames. Checked: everything lies within its bounds, texts are
 * texts, numbers are among those that exist.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "message/fidelity.h"
#include "source/pst_event.h"

#define INPUT_MAX ((size_t)64 << 10) /* fits into the socket: nobody waits */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text, size_t max)
{
	check(text && strlen(text) <= max && utf8_valid(slice_str(text)));
}

static void check_event(const struct pst_event *e)
{
	check_text(e->class, PST_CLASS_MAX);
	check_text(e->text, PST_ADDRESS_MAX);
	check_text(e->more, PST_ADDRESS_MAX);
	check_text(e->text, e->type == PST_EXPORT ? PST_SUBJECT_MAX : PST_ADDRESS_MAX);
	check(e->data.len <= FRAME_PAYLOAD_MAX);
	check(e->role < ROLE_COUNT && e->kind < PST_FOLDER_KINDS);
	check(e->path.n < FOLDER_DEPTH_MAX && (e->type != PST_FOLDER || e->path.n > 0));
	for (size_t i = 0; i < e->path.n; i++)
		check(*e->path.names[i] && strlen(e->path.names[i]) <= PST_NAME_MAX);
	check(e->flags.system <= FLAG_ALL && e->flags.n_keywords <= KEYWORDS_MAX);
	for (size_t i = 0; i < e->flags.n_keywords; i++)
		check(*e->flags.keywords[i] && !strchr(e->flags.keywords[i], ' '));
	check(e->fidelity < UINT32_C(1) << FIDELITY_COUNT);
	check(e->error.scope <= SCOPE_SOURCE);
}

static void read_all(int fd)
{
	struct arena arena = ARENA_INIT((size_t)1 << 20);
	struct err err = ERR_INIT;
	struct frame_in in;
	struct frame frame;

	check(frame_in_init(&in, fd, &err) == 0);
	while (frame_next(&in, 1000, &frame, &err) > 0) {
		struct pst_event event;

		arena_reset(&arena);
		check(frame.payload.len <= FRAME_PAYLOAD_MAX);
		if (pst_event_read(&frame, &arena, &event, &err) == 0)
			check_event(&event);
		else
			check(err.code == ERR_FORMAT);
	}
	frame_in_release(&in);
	arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];

	if (size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 0;
	check(write(pair[1], data, size) == (ssize_t)size);
	close(pair[1]);
	read_all(pair[0]);
	close(pair[0]);
	return 0;
}
