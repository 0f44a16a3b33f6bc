/*
 * The thin layer over SQLite. See db.h.
 */
#include "base/db.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define BUSY_TIMEOUT_MS 5000 /* a report may read while a run writes */

struct db_stmt {
	struct db_stmt *next;
	const char *sql;
	sqlite3_stmt *stmt;
};

static int fail(const struct db *db, struct err *err)
{
	int code = db->sqlite ? sqlite3_errcode(db->sqlite) : SQLITE_NOMEM;
	const char *text = db->sqlite ? sqlite3_errmsg(db->sqlite) : "out of memory";
	enum err_code kind = code == SQLITE_FULL || code == SQLITE_CANTOPEN ||
					     code == SQLITE_READONLY || code == SQLITE_PERM
				     ? ERR_CANTCREAT
			     : code == SQLITE_BUSY || code == SQLITE_LOCKED ? ERR_BUSY
			     : code == SQLITE_NOMEM			    ? ERR_NOMEM
									    : ERR_IO;

	return err_set(err, kind, SCOPE_RUN,
		       kind == ERR_BUSY || kind == ERR_CANTCREAT ? RETRY_LATER : RETRY_NEVER,
		       "journal '%s': %s", db->path ? db->path : "?", text);
}

static int configure(struct db *db, struct err *err)
{
	sqlite3_extended_result_codes(db->sqlite, 0);
	sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	return db_exec(db,
		       "PRAGMA journal_mode=WAL;"
		       "PRAGMA synchronous=FULL;"
		       "PRAGMA foreign_keys=ON;"
		       "PRAGMA temp_store=FILE;"
		       "PRAGMA cache_size=-8192;",
		       err);
}

int db_open(struct db *db, const char *path, struct err *err)
{
	int fd;

	memset(db, 0, sizeof(*db));
	db->path = strdup(path);
	if (!db->path)
		return err_nomem(err);
	/* SQLite would create it with the umask's permissions. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	if (sqlite3_open_v2(path, &db->sqlite,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    configure(db, err) != 0) {
		fail(db, err);
		db_close(db);
		return -1;
	}
	return 0;
}

int db_open_readonly(struct db *db, const char *path, struct err *err)
{
	memset(db, 0, sizeof(*db));
	db->path = strdup(path);
	if (!db->path)
		return err_nomem(err);
	if (sqlite3_open_v2(path, &db->sqlite, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		fail(db, err);
		db_close(db);
		return -1;
	}
	sqlite3_busy_timeout(db->sqlite, BUSY_TIMEOUT_MS);
	return db_exec(db, "PRAGMA temp_store=FILE; PRAGMA cache_size=-8192;", err);
}

void db_close(struct db *db)
{
	while (db->cache) {
		struct db_stmt *next = db->cache->next;

		sqlite3_finalize(db->cache->stmt);
		free(db->cache);
		db->cache = next;
	}
	sqlite3_close(db->sqlite);
	free(db->path);
	memset(db, 0, sizeof(*db));
}

int db_exec(struct db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(db, err);
	return 0;
}

sqlite3_stmt *db_stmt(struct db *db, const char *sql, struct err *err)
{
	struct db_stmt *entry, **link;

	for (link = &db->cache; (entry = *link); link = &entry->next) {
		if (entry->sql != sql)
			continue;
		*link = entry->next; /* move to the front: hot statements are found at once */
		entry->next = db->cache;
		db->cache = entry;
		sqlite3_reset(entry->stmt);
		sqlite3_clear_bindings(entry->stmt);
		return entry->stmt;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry) {
		err_nomem(err);
		return NULL;
	}
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &entry->stmt,
			       NULL) != SQLITE_OK) {
		fail(db, err);
		free(entry);
		return NULL;
	}
	entry->sql = sql;
	entry->next = db->cache;
	db->cache = entry;
	return entry->stmt;
}

int db_step(struct db *db, sqlite3_stmt *st, struct err *err)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE) {
		sqlite3_reset(st);
		return 0;
	}
	fail(db, err);
	sqlite3_reset(st);
	return -1;
}

int db_run(struct db *db, sqlite3_stmt *st, struct err *err)
{
	int got = db_step(db, st, err);

	if (got > 0) {
		sqlite3_reset(st);
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "a statement returned a row: %s", sqlite3_sql(st));
	}
	return got;
}

int db_run_ids(struct db *db, const char *sql, int64_t first, int64_t second, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	if (sqlite3_bind_parameter_count(st) > 1)
		sqlite3_bind_int64(st, 2, second);
	return db_run(db, st, err);
}

int db_int(struct db *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, sql, err);
	int got;

	if (!st)
		return -1;
	got = db_step(db, st, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no row from: %s", sql);
	*out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

char *db_text(struct arena *a, sqlite3_stmt *st, int column)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	if (!text)
		return NULL;
	return arena_copy(a, text, (size_t)sqlite3_column_bytes(st, column));
}

struct slice db_blob(sqlite3_stmt *st, int column)
{
	const void *bytes = sqlite3_column_blob(st, column);

	return slice_of(bytes, bytes ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

void db_bind_text(sqlite3_stmt *st, int index, const char *text)
{
	if (text)
		sqlite3_bind_text(st, index, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(st, index);
}

void db_bind_blob(sqlite3_stmt *st, int index, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(st, index, bytes, len, SQLITE_TRANSIENT);
}

void db_bind_u64(sqlite3_stmt *st, int index, uint64_t n)
{
	sqlite3_bind_int64(st, index, (sqlite3_int64)n);
}

void db_bind_time(sqlite3_stmt *st, int index, int64_t t)
{
	if (t == TIME_NONE)
		sqlite3_bind_null(st, index);
	else
		sqlite3_bind_int64(st, index, t);
}
