/*
 * The thin layer over SQLite that the journal is written in: open with the
 * settings that exactly-once needs, cached statements, binding and stepping
 * with our errors.
 */
#ifndef MAILHOIST_BASE_DB_H
#define MAILHOIST_BASE_DB_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/err.h"

struct db {
	sqlite3 *sqlite;
	struct db_stmt *cache; /* prepared statements, by the address of their text */
	char *path;	       /* for error texts */
};

/* Open or create (0600) the file; WAL, synchronous=FULL, foreign keys on. */
int db_open(struct db *db, const char *path, struct err *err);
/* Open an existing file for queries; temporary tables can be made. */
int db_open_readonly(struct db *db, const char *path, struct err *err);
void db_close(struct db *db);

/* Run statements that return no row (schema, BEGIN, COMMIT, PRAGMA). */
int db_exec(struct db *db, const char *sql, struct err *err);

/* The prepared statement for `sql`, reset and with no bindings; cached by the pointer, so pass
 * string literals. NULL on error. Owned by the db. */
sqlite3_stmt *db_stmt(struct db *db, const char *sql, struct err *err);

/* Step: 1 a row, 0 done (the statement is reset), -1 error (reset too). */
int db_step(struct db *db, sqlite3_stmt *st, struct err *err);

/* Step a statement that must return no row. 0 or -1. */
int db_run(struct db *db, sqlite3_stmt *st, struct err *err);

/* Run a statement that returns no row and has one or two integer parameters. */
int db_run_ids(struct db *db, const char *sql, int64_t first, int64_t second, struct err *err);

/* One integer from a query with no parameters. */
int db_int(struct db *db, const char *sql, int64_t *out, struct err *err);

/* Column access: a NUL-terminated copy in the arena (NULL for SQL NULL or no memory). */
char *db_text(struct arena *a, sqlite3_stmt *st, int column);
struct slice db_blob(sqlite3_stmt *st, int column); /* valid until the next step */

void db_bind_text(sqlite3_stmt *st, int index, const char *text); /* NULL: SQL NULL; copied */
void db_bind_blob(sqlite3_stmt *st, int index, const void *bytes, size_t len); /* copied */
void db_bind_u64(sqlite3_stmt *st, int index, uint64_t n);
void db_bind_time(sqlite3_stmt *st, int index, int64_t t); /* TIME_NONE: SQL NULL */

#endif
