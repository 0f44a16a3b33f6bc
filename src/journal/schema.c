/*
 * The tables of the journal, and the check that a file is a journal of ours.
 *
 * Why the tables are as they are:
 *
 * - Rows are written by the hundred thousand, so there are few indexes, and what is read together
 *   lies together: items of a store are one range of ids, lines of a run too, and the messages of a
 *   folder of the server (remote.id = folder << 32 | uid).
 *
 * - A line of an old run must keep its facts although the store has been scanned again since. So
 *   scans do not overwrite: each scan of a folder is a store row of its own with its own items. The
 *   superseded store is marked `gone`; the next run's beginning removes those of its items that no
 *   line names any more.
 *
 * - So that the file does not grow with every run, older runs (RUNS_KEPT_WHOLE) keep only the lines
 *   that say something that happened: uploaded, refused, failed, differing. Their balance is kept
 * as sums (run_balance).
 *
 * - What exactly-once rests on (upload) copies what recovery needs instead of pointing at items: it
 *   must work when the source has been moved away.
 *
 * - candidate is keyed by content and message of the server, not by item, so that verdicts survive
 *   new scans and identical messages are compared once.
 */
#include "journal/private.h"

#include "message/keys.h"

#define APPLICATION_ID 0x6d686a31 /* "mhj1" */
#define SCHEMA_VERSION 12

static const char *const tables[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",

	"CREATE TABLE run ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind INTEGER NOT NULL,"
	" options TEXT NOT NULL,"
	" started INTEGER NOT NULL,"
	" finished INTEGER," /* NULL: running or killed */
	" exit_status INTEGER,"
	" first_line INTEGER NOT NULL DEFAULT 0," /* the range of line.id; 0: no lines made */
	" last_line INTEGER NOT NULL DEFAULT -1,"
	" pruned INTEGER NOT NULL DEFAULT 0," /* 1: lines cleared; 2: and the balance folded into */
	" found INTEGER NOT NULL DEFAULT 0,"  /* one, with this as its left side */
	" basis BLOB)", /* of a plan: a checksum of what it rests on; NULL: make it anew */

	"CREATE TABLE store ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind TEXT NOT NULL, source TEXT NOT NULL, folder TEXT NOT NULL," /* path_join() */
	" location TEXT NOT NULL,"
	" role INTEGER NOT NULL,"
	" options TEXT NOT NULL,"
	" fingerprint TEXT NOT NULL,"	    /* '': not to be used again */
	" gone INTEGER NOT NULL DEFAULT 0," /* 1: superseded by a newer scan; 2: and cleared up */
	" first_item INTEGER NOT NULL DEFAULT 0,"
	" last_item INTEGER NOT NULL DEFAULT -1,"
	" found INTEGER NOT NULL DEFAULT 0)", /* counted by the scan: the balance's left side */
	"CREATE INDEX store_key ON store(source, folder, kind) WHERE gone = 0",

	"CREATE TABLE run_store ("
	" run INTEGER NOT NULL, store INTEGER NOT NULL,"
	" target INTEGER," /* folder.id; by plan_folders() */
	" PRIMARY KEY (run, store)) WITHOUT ROWID",

	"CREATE TABLE item ("
	" id INTEGER PRIMARY KEY,"
	" store INTEGER NOT NULL,"
	" locator TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" sha256 BLOB,"	     /* NULL: unreadable */
	" checksum BLOB,"    /* of the same octets: what the upload is checked by */
	" sha_head INTEGER," /* its first octets: numbers are sorted faster than blobs */
	" wire_len INTEGER NOT NULL, header_len INTEGER NOT NULL,"
	" nul_count INTEGER NOT NULL, cr_count INTEGER NOT NULL, cr_cr_lf_count INTEGER NOT NULL,"
	" internaldate INTEGER, date_source INTEGER NOT NULL, date INTEGER,"
	" flags INTEGER NOT NULL, keywords TEXT, repairs INTEGER NOT NULL,"
	" has_id INTEGER NOT NULL,"
	" key BLOB," /* of the Message-ID; without one, ident */
	" ident BLOB, fields BLOB, essence BLOB,"
	" message_id TEXT, subject TEXT, sender TEXT,"
	" uidl TEXT,"				   /* POP's name for it; NULL: not known */
	" pop_fetched INTEGER NOT NULL DEFAULT 0," /* 1: the store proves that POP fetched it */
	" pop_lead INTEGER NOT NULL DEFAULT 0,"	   /* octets that the fetcher put on top, */
	" rebuilt INTEGER NOT NULL DEFAULT 0,"	   /* 1: composed from a store without its octets */
	" fidelity INTEGER NOT NULL DEFAULT 0,"	   /* enum fidelity: what it lacks */
	" pop_path INTEGER NOT NULL DEFAULT 0,"	   /* and of a Return-Path above these */
	" reason TEXT)",			   /* unreadable: why */
	"CREATE INDEX item_uidl ON item(uidl) WHERE uidl IS NOT NULL",

	"CREATE TABLE folder ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" wire_name TEXT NOT NULL UNIQUE,"
	" name TEXT NOT NULL,"
	" separator INTEGER NOT NULL,"
	" attributes INTEGER NOT NULL,"
	" role INTEGER NOT NULL,"
	" listed INTEGER NOT NULL,"	       /* 0: wanted by a plan, or gone from the server */
	" gone INTEGER NOT NULL DEFAULT 0,"    /* 1: it was on the server, and later was not */
	" seen INTEGER NOT NULL DEFAULT 0,"    /* during one listing */
	" indexed INTEGER NOT NULL DEFAULT 0," /* its rows in remote are complete */
	" uidvalidity INTEGER NOT NULL DEFAULT 0, uidnext INTEGER NOT NULL DEFAULT 0,"
	" messages INTEGER NOT NULL DEFAULT 0, highestmodseq INTEGER NOT NULL DEFAULT 0)",

	/* What the server made of a name. */
	"CREATE TABLE renaming ("
	" wanted TEXT PRIMARY KEY,"   /* wire name */
	" wanted_name TEXT NOT NULL," /* UTF-8 */
	" folder INTEGER NOT NULL, run INTEGER NOT NULL)",

	"CREATE TABLE remote ("
	" id INTEGER PRIMARY KEY," /* folder << 32 | uid */
	" size INTEGER NOT NULL, internaldate INTEGER, flags INTEGER NOT NULL, keywords TEXT,"
	" key BLOB NOT NULL," /* as item.key; '': header not read, while INBOX is being indexed */
	" fields BLOB NOT NULL,"
	" ident BLOB,"			       /* NULL: no Message-ID, key is ident */
	" joined INTEGER NOT NULL DEFAULT 0)", /* 1: header never read, these are of the local */
					       /* message that has its UIDL */
	/* and what schema_index_remote() makes */

	/* What state files of POP programs say. */
	"CREATE TABLE pop_uidl ("
	" uidl TEXT PRIMARY KEY,"
	" fate INTEGER NOT NULL,"	  /* enum pop_fate */
	" remote INTEGER) WITHOUT ROWID", /* the message of INBOX; NULL: not known */
	"CREATE INDEX pop_uidl_remote ON pop_uidl(remote) WHERE remote IS NOT NULL",
	/* Fetched once, not here any more, but still on the server: told, never touched. */
	"CREATE TABLE pop_leftover ("
	" run INTEGER NOT NULL, remote INTEGER NOT NULL, uidl TEXT NOT NULL,"
	" size INTEGER NOT NULL, internaldate INTEGER, PRIMARY KEY (run, remote)) WITHOUT ROWID",
	/* What the POP3 server says: its messages in their order. */
	"CREATE TABLE pop_list ("
	" seq INTEGER PRIMARY KEY, uidl TEXT NOT NULL, size INTEGER NOT NULL,"
	" fields BLOB," /* of the header, where it was read */
	" remote INTEGER)",
	"CREATE INDEX pop_list_uidl ON pop_list(uidl)",

	"CREATE TABLE candidate ("
	" sha256 BLOB NOT NULL, remote INTEGER NOT NULL,"
	" level INTEGER NOT NULL, verdict INTEGER NOT NULL,"
	" phase INTEGER NOT NULL,"			/* 0: in a target folder of the content */
	" run INTEGER NOT NULL, item INTEGER NOT NULL," /* who asked last */
	" PRIMARY KEY (sha256, remote)) WITHOUT ROWID",
	"CREATE INDEX candidate_open ON candidate(phase, remote, sha256) WHERE verdict = 0",

	"CREATE TABLE line ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: it names uploads, too */
	" run INTEGER NOT NULL, item INTEGER NOT NULL, store INTEGER NOT NULL,"
	" target INTEGER,"	  /* folder.id */
	" copy INTEGER NOT NULL," /* of upload's key */
	" action INTEGER NOT NULL, level INTEGER NOT NULL, outcome INTEGER NOT NULL,"
	" size INTEGER NOT NULL,"
	" verified INTEGER NOT NULL DEFAULT 0," /* 1 verified, 2 differs, 3 changed there since */
	" upload INTEGER,"			/* upload.id */
	" remote INTEGER,"			/* the server's copy, where it is known */
	" twin INTEGER,"			/* ACTION_DUPLICATE: the item it equals */
	" reason TEXT NOT NULL, text TEXT)",

	/* Where a run's lines to upload into a folder lie; several ranges when folders became one.
	 */
	"CREATE TABLE run_target ("
	" run INTEGER NOT NULL, first_line INTEGER NOT NULL, last_line INTEGER NOT NULL,"
	" folder INTEGER NOT NULL,"
	" PRIMARY KEY (run, first_line)) WITHOUT ROWID",

	"CREATE TABLE run_balance (" /* store 0: the rest of a cleared run */
	" run INTEGER NOT NULL, store INTEGER NOT NULL, outcome INTEGER NOT NULL,"
	" n INTEGER NOT NULL, bytes INTEGER NOT NULL, verified INTEGER NOT NULL,"
	" differs INTEGER NOT NULL, changed INTEGER NOT NULL,"
	" PRIMARY KEY (run, store, outcome)) WITHOUT ROWID",

	"CREATE TABLE upload ("
	" id INTEGER PRIMARY KEY," /* the id of the line that first planned it */
	" folder INTEGER NOT NULL, sha256 BLOB NOT NULL, copy INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" line INTEGER NOT NULL, item INTEGER NOT NULL," /* of the last run that planned it */
	" seq INTEGER NOT NULL DEFAULT 0, uidvalidity INTEGER NOT NULL DEFAULT 0,"
	" base_uidnext INTEGER NOT NULL DEFAULT 0, uid INTEGER NOT NULL DEFAULT 0,"
	" kept INTEGER NOT NULL DEFAULT 0," /* refused: a copy is in the sidecar */
	" wire_len INTEGER NOT NULL, nul_count INTEGER NOT NULL, cr_count INTEGER NOT NULL,"
	" cr_cr_lf_count INTEGER NOT NULL, internaldate INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, keywords TEXT,"
	" has_id INTEGER NOT NULL, key BLOB NOT NULL, ident BLOB, fields BLOB NOT NULL,"
	" method INTEGER NOT NULL DEFAULT 0," /* enum filing_method */
	" origin INTEGER," /* COPY, MOVE: folder << 32 | uid of the copy it is made from */
	" origin_uidvalidity INTEGER NOT NULL DEFAULT 0,"
	" origin_flags INTEGER NOT NULL DEFAULT 0," /* that COPY brings along */
	" origin_keywords TEXT,"
	" origin_gone INTEGER NOT NULL DEFAULT 0," /* MOVE: the original is not there any more */
	" mended INTEGER NOT NULL DEFAULT 0,"  /* enum mend: sizes and keys are of what goes up */
	" damaged INTEGER NOT NULL DEFAULT 0," /* 1: verification has found a difference */
	" gone INTEGER NOT NULL DEFAULT 0,"    /* 1: stored, but gone since: that has been told */
	" UNIQUE (folder, sha256, copy))",
	"CREATE INDEX upload_origin ON upload(origin) WHERE method = 2 AND origin_gone = 0",
	"CREATE INDEX upload_inflight ON upload(folder, seq) WHERE state = 1",
	/* To find one UID, say unlikely(uid = ...): SQLite takes `uid > 0`, which must be there,
	 * for more selective than the equality, and looks through all of the folder. */
	"CREATE INDEX upload_uid ON upload(folder, uid) WHERE uid > 0",
	/* stored, UID not known */
	"CREATE INDEX upload_blind ON upload(folder, id) WHERE uid = 0 AND state IN (2, 3)",

	/* Uploads that are being sent: ranges of ids, whose rows are planned still (inflight.c). */
	"CREATE TABLE inflight ("
	" first INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
	" seq INTEGER NOT NULL," /* of the first */
	" uidvalidity INTEGER NOT NULL, base_uidnext INTEGER NOT NULL)",

	"CREATE TABLE traffic (hour INTEGER PRIMARY KEY, octets INTEGER NOT NULL)",

	/* What a run changes in the flags of messages that are on the server; undo turns it round.
	 */
	"CREATE TABLE flag_change ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run INTEGER NOT NULL, remote INTEGER NOT NULL, uidvalidity INTEGER NOT NULL,"
	" removed INTEGER NOT NULL, removed_keywords TEXT,"
	" added INTEGER NOT NULL, added_keywords TEXT,"
	" state INTEGER NOT NULL)", /* enum flag_change_state */
	"CREATE INDEX flag_change_run ON flag_change(run, state, remote)",

	/* Messages that are on the server only, as the last plan saw it. */
	"CREATE TABLE server_only (remote INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
	" size INTEGER NOT NULL, internaldate INTEGER)",

	/* Uploads that are being taken back. */
	"CREATE TABLE undo ("
	" upload INTEGER PRIMARY KEY, step INTEGER NOT NULL," /* enum undo_step */
	" uidvalidity INTEGER NOT NULL, base_uidnext INTEGER NOT NULL)",

	/* Originals in INBOX that a run takes away although another run has made the copy (which
	 * becomes a move thereby). Of a dry run: what it has foretold. */
	"CREATE TABLE clearing ("
	" run INTEGER NOT NULL, upload INTEGER NOT NULL, PRIMARY KEY (run, upload)) WITHOUT ROWID",

	/* Local flags that a message of the server that is not of our making has been given: what
	 * the user changes there afterwards is his. */
	"CREATE TABLE merged (remote INTEGER PRIMARY KEY, uidvalidity INTEGER NOT NULL,"
	" flags INTEGER NOT NULL, keywords TEXT)",

	"CREATE TABLE notice ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run INTEGER NOT NULL, store INTEGER NOT NULL," /* 0: of none */
	" kind TEXT NOT NULL, count INTEGER NOT NULL, location TEXT, text TEXT NOT NULL)",
	"CREATE INDEX notice_run ON notice(run)",
};

int schema_index_remote(struct db *db, struct err *err)
{
	return db_exec(db,
		       "CREATE INDEX IF NOT EXISTS remote_key ON remote(key, fields, size);"
		       /* for local messages without a Message-ID whose copy got one on the way */
		       "CREATE INDEX IF NOT EXISTS remote_ident ON remote(ident, fields, size)"
		       " WHERE ident IS NOT NULL",
		       err);
}

static int create(struct db *db, struct err *err)
{
	sqlite3_stmt *st;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (db_exec(db, tables[i], err) < 0)
			return -1;
	st = db_stmt(db, "INSERT INTO meta VALUES ('match_rules', ?)", err);
	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, MATCH_RULES_VERSION);
	if (db_run(db, st, err) < 0)
		return -1;
	_Static_assert(APPLICATION_ID == 1835559473 && SCHEMA_VERSION == 12,
		       "as in the text below");
	return db_exec(db, "PRAGMA application_id=1835559473; PRAGMA user_version=12;", err);
}

static int foreign(const struct db *db, const char *what, struct err *err)
{
	return err_set(err, ERR_CANTCREAT, SCOPE_RUN, RETRY_NEVER,
		       "'%s' %s; move it away, or use another --state directory", db->path, what);
}

int schema_check(struct db *db, struct err *err)
{
	int64_t id, version;

	if (db_int(db, "PRAGMA application_id", &id, err) < 0 ||
	    db_int(db, "PRAGMA user_version", &version, err) < 0)
		return -1;
	if (id != APPLICATION_ID)
		return foreign(db, "is not a journal of mailhoist", err);
	if (version != SCHEMA_VERSION)
		return foreign(db, "was written by another version of mailhoist", err);
	return 0;
}

/* Hashes made by other rules compare with nothing: scan and index again. Uploads stay: they are
 * keyed by SHA-256. What of them is in doubt is recognised by its octets then. */
static int forget_old_rules(struct db *db, struct err *err)
{
	sqlite3_stmt *st;
	int64_t rules;

	if (db_int(db, "SELECT value FROM meta WHERE name = 'match_rules'", &rules, err) < 0)
		return -1;
	if (rules == MATCH_RULES_VERSION)
		return 0;
	if (db_exec(db,
		    "UPDATE store SET fingerprint = ''; DELETE FROM remote; DELETE FROM candidate;"
		    "UPDATE folder SET indexed = 0, uidnext = 0, messages = 0, highestmodseq = 0;"
		    "UPDATE upload SET key = x'', ident = NULL, fields = x'';",
		    err) < 0)
		return -1;
	st = db_stmt(db, "UPDATE meta SET value = ? WHERE name = 'match_rules'", err);
	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, MATCH_RULES_VERSION);
	return db_run(db, st, err);
}

int schema_prepare(struct db *db, struct err *err)
{
	int64_t n;
	int result;

	if (db_exec(db, "BEGIN IMMEDIATE", err) < 0)
		return -1;
	result = db_int(db, "SELECT count(*) FROM sqlite_master", &n, err);
	if (result == 0)
		result = n == 0 ? create(db, err) : schema_check(db, err);
	if (result == 0)
		result = forget_old_rules(db, err);
	/* where a run died between journal_remote_load() and journal_remote_loaded() */
	if (result == 0)
		result = schema_index_remote(db, err);
	if (result == 0)
		result = db_exec(db, "COMMIT", err);
	if (result < 0)
		sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
	return result;
}
