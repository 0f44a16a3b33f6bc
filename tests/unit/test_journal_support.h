/*
 * A journal in a directory of its own, and messages to put into it: shared by the
 * tests of journal, match and plan.
 */
#ifndef MAILHOIST_TESTS_JOURNAL_SUPPORT_H
#define MAILHOIST_TESTS_JOURNAL_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "journal/notice.h"
#include "match/match.h"
#include "plan/plan.h"

#define ok(call_)  cr_assert((call_) == 0, "%s:%d: %s", #call_, __LINE__, err.text)
#define yes(call_) cr_assert((call_) == 1, "%s:%d: %s", #call_, __LINE__, err.text)

struct bench {
	char dir[64];
	struct journal *j;
	int64_t run;
};

static struct err err __attribute__((unused)) = ERR_INIT;

static inline void bench_open(struct bench *b)
{
	cr_assert(journal_open(b->dir, "joe@example.org", &b->j, &err) == 0, "%s", err.text);
}

static inline void bench_init(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	strcpy(b->dir, "/tmp/mailhoist-test-XXXXXX");
	cr_assert(mkdtemp(b->dir) != NULL);
	bench_open(b);
}

static inline void bench_release(struct bench *b)
{
	char command[128];

	journal_close(b->j);
	snprintf(command, sizeof(command), "rm -rf '%s'", b->dir);
	cr_assert(system(command) == 0);
}

/* A key that says where it comes from. */
static inline void key_of(uint8_t *out, size_t len, const char *kind, const char *text)
{
	char all[64];

	memset(out, 0, len);
	snprintf(all, sizeof(all), "%c%s", kind[0], text ? text : "");
	memcpy(out, all, strlen(all) < len ? strlen(all) : len);
}

/* A message: `id` NULL for none; `who` stands for From, Date and Subject; `body` makes it differ.
 */
static inline struct match_keys keys_of(const char *id, const char *who)
{
	struct match_keys k = { .has_id = id != NULL };
	char all[48];

	if (id)
		key_of(k.id, KEY_LEN, "m", id);
	key_of(k.ident, KEY_LEN, "w", who);
	snprintf(all, sizeof(all), "%s|%s", id ? id : "", who);
	key_of(k.fields, KEY_LEN, "f", all);
	return k;
}

static inline struct message message_of(const char *locator, const char *id, const char *who,
					const char *body, uint64_t len)
{
	struct message m = {
		.locator = locator,
		.wire_len = len,
		.header_len = 100,
		.message_id = id,
		.subject = who,
		.internaldate = 1000000000,
		.date = TIME_NONE,
		.keys = keys_of(id, who),
	};
	char all[SHA256_LEN + 1];

	snprintf(all, sizeof(all), "%.8s|%.8s|%.12s", id ? id : "", who, body);
	key_of(m.sha256, SHA256_LEN, "s", all);
	key_of(m.essence, KEY_LEN, "e", all);
	return m;
}

/* One folder of a source, e.g. "Work/Sub"; its scan has the fingerprint. */
static inline int64_t store_begin(struct bench *b, const char *source, const char *folder,
				  enum role role, const char *fingerprint, bool *fresh)
{
	const char *parts[16];
	char copy[256];
	size_t n = 0;
	int64_t store = 0;

	snprintf(copy, sizeof(copy), "%s", folder);
	for (char *p = strtok(copy, "/"); p; p = strtok(NULL, "/"))
		parts[n++] = p;
	struct store_key key = { "mbox", source, folder, parts, n, role, fingerprint, "" };

	cr_assert(journal_store_begin(b->j, b->run, &key, &store, fresh, &err) == 0, "%s",
		  err.text);
	return store;
}

/* A folder with the given messages, scanned. */
static inline int64_t add_store(struct bench *b, const char *source, const char *folder,
				enum role role, const struct message *list, size_t n)
{
	bool fresh;
	int64_t store = store_begin(b, source, folder, role, "fp", &fresh);

	if (fresh)
		return store;
	for (size_t i = 0; i < n; i++)
		cr_assert(journal_item_add(b->j, store, &list[i], &err) == 0, "%s", err.text);
	cr_assert(journal_store_done(b->j, store, "fp", &err) == 0, "%s", err.text);
	return store;
}

static inline void start_run(struct bench *b, enum run_kind kind)
{
	cr_assert(journal_run_start(b->j, kind, "{}", &b->run, &err) == 0, "%s", err.text);
}

/* A folder of the server, listed and indexed. */
static inline int64_t add_folder(struct bench *b, const char *name, enum role role)
{
	struct remote_folder f = {
		.wire_name = name, .name = name, .separator = '/', .role = role
	};

	cr_assert(journal_folder_put(b->j, &f, &err) == 0, "%s", err.text);
	cr_assert(journal_folder_indexed(b->j, f.id, 7, 1, 0, 0, &err) == 0, "%s", err.text);
	return f.id;
}

static inline void add_remote(struct bench *b, int64_t folder, uint32_t uid, const char *id,
			      const char *who, uint64_t size)
{
	struct remote_row row = {
		.folder = folder,
		.uid = uid,
		.size = size,
		.internaldate = 1000000000,
		.keys = keys_of(id, who),
	};

	cr_assert(journal_remote_put(b->j, &row, &err) == 0, "%s", err.text);
}

#endif
