/*
 * Fuzz target: one mbox file of arbitrary bytes. Checked: messages follow each other and lie in the
 * file, each is found again by its locator with the same range and rules, and reading twice gives
 * the same.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/mbox_file.h"
#include "source/mbox_locator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct totals {
	uint64_t messages, bytes;
};

static void check_locator(struct mbox_file *f, struct arena *a, const struct message *m)
{
	struct message again = { 0 };
	const char *name, *suffix;
	struct err err = ERR_INIT;

	if (mbox_locator_split(m->locator, a, &name, &suffix, &err) != 0 ||
	    mbox_file_locate(f, suffix, &again, &err) != 0)
		abort();
	if (strcmp(name, "a@b%/\xff") != 0 || again.body.off != m->body.off ||
	    again.body.len != m->body.len || memcmp(&again.canon, &m->canon, sizeof(m->canon)) != 0)
		abort();
}

/* The first pass reads on between looking messages up, the second does not. */
static struct totals walk(struct mbox_file *f, size_t size, bool look_up, bool plain)
{
	struct arena a = ARENA_INIT(16u << 20);
	struct totals t = { 0 };
	struct message m;
	struct err err = ERR_INIT;
	uint64_t end = 0;
	int got;

	while ((got = mbox_file_next(f, &a, &m, &err)) > 0) {
		if (m.body.off < end || (plain && m.body.off + m.body.len > size))
			abort();
		end = m.body.off + m.body.len;
		t.messages++;
		t.bytes += m.body.len;
		if (look_up)
			check_locator(f, &a, &m);
		arena_reset(&a);
	}
	if (got < 0)
		abort();
	arena_release(&a);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct notices *notices = notices_new();
	bool plain = size < 2 || data[0] != 0x1f || data[1] != 0x8b;
	struct mbox_file *f;
	struct err err = ERR_INIT;
	char path[32];

	if (fd < 0 || !notices || fd_write(fd, data, size, &err) != 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	mbox_file_probe(path);
	if (mbox_file_open(AT_FDCWD, path, "a@b%/\xff", notices, &f, &err) == 0) {
		struct totals first = walk(f, size, true, plain), second;

		mbox_file_rewind(f);
		second = walk(f, size, false, plain);
		if (memcmp(&first, &second, sizeof(first)) != 0)
			abort();
		mbox_file_close(f);
	} else if (!err.text[0]) {
		abort();
	}
	notices_free(notices);
	close(fd);
	return 0;
}
