/*
 * A temporary directory for tests of stores: files are written into it by path, and all of it goes
 * away at the end. Also: reading a whole source into a list that tests can look at.
 */
#ifndef MAILHOIST_TESTS_STORE_DIR_H
#define MAILHOIST_TESTS_STORE_DIR_H

#include "source/source.h"

struct store_dir {
	char path[64];
};

void store_dir_make(struct store_dir *d);
void store_dir_remove(struct store_dir *d);

/* Write `text` to `path` below the directory, with the directories above it. A path that ends in
 * '/' makes a directory alone. */
void store_dir_write(const struct store_dir *d, const char *path, const char *text);

struct seen_message {
	char folder[256]; /* components joined by '|' */
	char locator[512];
	char text[256]; /* canonical bytes, cut */
	uint32_t flags;
	char keywords[128]; /* joined by blanks */
	enum message_state state;
	struct arrival arrival;
	uint32_t strip;
};

#define SEEN_MAX 64

struct seen {
	size_t n_folders, n_messages, n_failed;
	char folders[SEEN_MAX][256];
	char fingerprints[SEEN_MAX][128];
	enum role roles[SEEN_MAX];
	struct seen_message messages[SEEN_MAX];
	uint64_t notices[16]; /* counts by kind */
	struct err err;	      /* the last failure */
};

/* Open KIND:PATH and read everything; every message is also found again by its locator. False when
 * it cannot be opened (seen->err). */
bool seen_read(struct seen *seen, const char *kind, const char *path,
	       const struct source_options *options);

/* The message whose locator starts with `name`, or NULL. */
const struct seen_message *seen_find(const struct seen *seen, const char *name);

#endif
