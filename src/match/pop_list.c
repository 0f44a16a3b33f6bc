/*
 * Aligning the POP3 server's list with INBOX. See pop_list.h. pop_inbox is a
 * temporary table: the messages of INBOX by their position.
 */
#include "match/pop_list.h"

#include "match/uidl_private.h"

/* ---- both sides, by position ---- */

static int with_folder(struct db *db, const char *sql, int64_t folder, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, folder);
	return db_run(db, st, err);
}

static int read_inbox(struct db *db, const struct uidl_place *p, struct err *err)
{
	if (db_exec(db,
		    "CREATE TEMP TABLE IF NOT EXISTS pop_inbox (pos INTEGER PRIMARY KEY,"
		    " remote INTEGER, size INTEGER, fields BLOB);"
		    "CREATE INDEX IF NOT EXISTS temp.pop_inbox_size ON pop_inbox(size);"
		    "CREATE INDEX IF NOT EXISTS temp.pop_inbox_fields ON pop_inbox(fields);"
		    "DELETE FROM pop_inbox",
		    err) < 0)
		return -1;
	return with_folder(db,
			   "INSERT INTO pop_inbox SELECT row_number() OVER (ORDER BY id), id, size,"
			   " fields FROM remote WHERE id BETWEEN ?1 << 32 AND (?1 << 32) +"
			   " 4294967295",
			   p->folder, err);
}

/* ---- by size and order ---- */

struct anchor {
	int64_t seq, pos;
};

static int64_t column_of(struct db *db, const char *sql, const struct anchor *from,
			 const struct anchor *to, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, sql, err);
	int64_t n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, from->seq);
	sqlite3_bind_int64(st, 2, to->seq);
	sqlite3_bind_int64(st, 3, from->pos - from->seq);
	if (db_step(db, st, err) <= 0)
		return -1;
	n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n;
}

/* What lies between two fixed points. */
static int fill_gap(struct db *db, const struct anchor *from, const struct anchor *to,
		    struct err *err)
{
	int64_t between = to->seq - from->seq - 1, equal;
	sqlite3_stmt *st;

	if (between <= 0 || to->pos - from->pos - 1 != between)
		return 0;
	equal = column_of(db,
			  "SELECT count(*) FROM pop_list l CROSS JOIN pop_inbox b ON b.pos ="
			  " l.seq + ?3 AND b.size = l.size WHERE l.seq > ?1 AND l.seq < ?2",
			  from, to, err);
	if (equal != between)
		return equal < 0 ? -1 : 0;
	st = db_stmt(db,
		     "UPDATE pop_list SET remote = (SELECT remote FROM pop_inbox WHERE pos ="
		     " pop_list.seq + ?3) WHERE seq > ?1 AND seq < ?2",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, from->seq);
	sqlite3_bind_int64(st, 2, to->seq);
	sqlite3_bind_int64(st, 3, from->pos - from->seq);
	return db_run(db, st, err);
}

/* The next fixed point behind `from`: 1, 0, -1. */
static int next_anchor(struct db *db, const struct anchor *from, struct anchor *out,
		       struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		db, "SELECT seq, pos FROM pop_anchor WHERE seq > ? ORDER BY seq LIMIT 1", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, from->seq);
	got = db_step(db, st, err);
	if (got <= 0)
		return got;
	*out = (struct anchor){ sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1) };
	sqlite3_reset(st);
	return 1;
}

static int find_anchors(struct db *db, struct anchor *end, struct err *err)
{
	if (db_exec(db,
		    "CREATE TEMP TABLE IF NOT EXISTS pop_anchor (seq INTEGER PRIMARY KEY, pos"
		    " INTEGER); DELETE FROM pop_anchor;"
		    "INSERT INTO pop_anchor SELECT l.seq, min(b.pos) FROM (SELECT min(seq) AS seq,"
		    "  size FROM pop_list GROUP BY size HAVING count(*) = 1) l"
		    " CROSS JOIN pop_inbox b ON b.size = l.size GROUP BY l.seq"
		    " HAVING count(*) = 1;"
		    "UPDATE pop_list SET remote = (SELECT b.remote FROM pop_anchor a"
		    " CROSS JOIN pop_inbox b ON b.pos = a.pos WHERE a.seq = pop_list.seq)",
		    err) < 0 ||
	    db_int(db, "SELECT coalesce(max(seq), 0) + 1 FROM pop_list", &end->seq, err) < 0)
		return -1;
	return db_int(db, "SELECT coalesce(max(pos), 0) + 1 FROM pop_inbox", &end->pos, err);
}

int match_pop_align(struct journal *j, const struct uidl_place *p, struct err *err)
{
	struct db *db = journal_db(j);
	struct anchor from = { 0, 0 }, to, end;
	int64_t any;
	int got;

	if (db_int(db, "SELECT EXISTS (SELECT 1 FROM pop_list)", &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	if (read_inbox(db, p, err) < 0 || find_anchors(db, &end, err) < 0)
		return -1;
	while ((got = next_anchor(db, &from, &to, err)) > 0) {
		if (fill_gap(db, &from, &to, err) < 0)
			return -1;
		from = to;
	}
	return got < 0 ? -1 : fill_gap(db, &from, &end, err);
}

/* ---- by header ---- */

int match_pop_place(struct journal *j, int64_t run, struct uidl_place *out, struct err *err)
{
	out->run = run;
	return uidl_find_inbox(journal_db(j), out, err);
}

int match_pop_unaligned(struct journal *j, int64_t run, uint32_t after, uint32_t *number,
			struct err *err)
{
	struct db *db = journal_db(j);
	sqlite3_stmt *st =
		db_stmt(db,
			"SELECT l.seq FROM pop_list l WHERE l.seq > ?1 AND l.remote IS NULL"
			" AND (EXISTS (SELECT 1 FROM pop_uidl u WHERE u.uidl = l.uidl)"
			"  OR EXISTS (SELECT 1 FROM item i INDEXED BY item_uidl JOIN run_store x"
			"   ON x.store = i.store AND x.run = ?2 WHERE i.uidl = l.uidl))"
			" ORDER BY l.seq LIMIT 1",
			err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, run);
	got = db_step(db, st, err);
	if (got <= 0)
		return got;
	*number = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 1;
}

int match_pop_header(struct journal *j, uint32_t number, const uint8_t fields[KEY_LEN],
		     struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(journal_db(j), "UPDATE pop_list SET fields = ? WHERE seq = ?", err);

	if (!st)
		return -1;
	db_bind_blob(st, 1, fields, KEY_LEN);
	sqlite3_bind_int64(st, 2, number);
	return db_run(journal_db(j), st, err);
}

int match_pop_by_header(struct journal *j, const struct uidl_place *p, struct err *err)
{
	struct db *db = journal_db(j);

	if (read_inbox(db, p, err) < 0)
		return -1;
	return db_exec(
		db,
		"UPDATE pop_list SET remote = (SELECT b.remote FROM pop_inbox b"
		" WHERE b.fields = pop_list.fields) WHERE remote IS NULL AND fields IS NOT NULL"
		" AND fields IN (SELECT fields FROM pop_list WHERE fields IS NOT NULL"
		"  GROUP BY fields HAVING count(*) = 1)"
		" AND (SELECT count(*) FROM pop_inbox b WHERE b.fields = pop_list.fields) = 1",
		err);
}
