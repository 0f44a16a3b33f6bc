/*
 * The IMAP session (RFC 3501, 9051; 2342 NAMESPACE, 3502 MULTIAPPEND, 4315
 * UIDPLUS, 4959 SASL-IR, 6154 SPECIAL-USE, 7888 LITERAL+).
 *
 * Two ways to use it. The calls that ask something (list, status, fetch) wait
 * for their answer. Uploading is submit/reap: session_append_*() only queue
 * bytes, session_poll() moves bytes both ways, session_reap() hands out what has
 * ended, in command order. Several sessions can share one session_poll().
 *
 * One function writes commands; in a read-only session it refuses all that could
 * change something (ERR_READONLY). libetpan, as the grammar of some responses,
 * lives in imap/etpan.c and nowhere else.
 */
#ifndef MAILHOIST_IMAP_SESSION_H
#define MAILHOIST_IMAP_SESSION_H

#include "base/arena.h"
#include "base/buf.h"
#include "imap/profile.h"
#include "message/message.h"
#include "net/tls.h"

struct session;

enum session_security {
	SECURITY_TLS,	   /* imaps */
	SECURITY_STARTTLS, /* imap: STARTTLS or no login */
	SECURITY_PLAIN,	   /* no TLS: refused unless the peer is on loopback or allow_plaintext */
};

/* Secrets come late and go early: get() is called once for each login; writes at most `size` bytes
 * (no NUL) and returns the length, or -1. */
struct secret_source {
	int (*get)(void *context, char *secret, size_t size, struct err *err);
	void *context;
	/* It gives OAuth 2 access tokens, which go by XOAUTH2 and OAUTHBEARER alone. When the
	 * server refuses one, refused() is told, and get() asked once more: another token than the
	 * one before is tried, too. */
	bool token;
	void (*refused)(void *context); /* may be NULL */
};

/* Whom to look after while a call on one session waits for its answer: work() does what the owners
 * of other sessions can do without waiting, and names these sessions (at most `max`; their number
 * is returned), so that their bytes move, too. */
struct session_company {
	size_t (*work)(void *context, struct session **others, size_t max);
	void *context;
};

/* What a session learns for the next ones of the same account: that a server which tells us this
 * before the login tells us that after it. Some count how often they are asked (Yahoo), and each
 * answer takes a round trip. */
struct session_memory {
	const struct session *learner; /* the one that it learns from: several may be opened at
					  once, on servers that are not the same */
	uint32_t lesson;	       /* counts what it had to learn anew */
	struct buf before, after;      /* words of CAPABILITY */
	bool account;		       /* the rest is known */
	struct buf namespaces;	       /* words of NAMESPACE; empty: the server has none */
	struct buf server_name;
	char separator;
};
void session_memory_init(struct session_memory *m);
void session_memory_release(struct session_memory *m);

struct session_options {
	const char *host, *port; /* port NULL: 993 or 143 */
	enum session_security security;
	bool allow_plaintext; /* also with SECURITY_STARTTLS, if the server offers no STARTTLS */
	const char *user;
	const char *authzid; /* NULL, or whom to act for (SASL PLAIN, proxy login) */
	const char
		*mechanism; /* NULL: the best of both; or "PLAIN", "LOGIN", "SCRAM-SHA-256", ... */
	struct secret_source secret;
	/* SASL_BIT() of the mechanisms that this server has left without an answer: they are not
	 * tried again. Kept by the caller from one session to the next; NULL: not kept. */
	uint32_t *stalled;
	const char *ca_file, *tls_fingerprint;
	/* What the server wants people to read (RFC 3501 7.1 ALERT), as one safe line; may be NULL.
	 */
	void (*alert)(void *context, const char *text);
	/* The trace cannot be written any more; may be NULL. Each session says so once. */
	void (*trace_ended)(void *context, int sys_errno);
	void *alert_context; /* of both */
	bool read_only;	     /* only commands that cannot change anything are written */
	int timeout_ms;	     /* without progress; 0: the defaults (connect 30 s, greeting 60 s,
				continuation 120 s, reply 300 s + size / 20 kB/s) */
	int trace_fd;  /* -1, or where the conversation is copied to (secrets and literals left
			  out) */
	bool compress; /* as soon as we are logged in, where the server can */
	const struct session_company *company; /* NULL: waits alone */
	struct session_memory *memory;	       /* NULL: none */
	struct slice profile_file; /* content of a profile file; empty: the built-in one */
	const char *profile;	   /* by name; NULL: found out (profile.h) */
};

/* What the server can do; `after` login. */
enum capability {
	CAP_LITERAL_PLUS = 1u << 0,
	CAP_LITERAL_MINUS = 1u << 1,
	CAP_MULTIAPPEND = 1u << 2,
	CAP_UIDPLUS = 1u << 3,
	CAP_SPECIAL_USE = 1u << 4,
	CAP_CREATE_SPECIAL_USE = 1u << 5,
	CAP_NAMESPACE = 1u << 6,
	CAP_LIST_EXTENDED = 1u << 7,
	CAP_LIST_STATUS = 1u << 8,
	CAP_CONDSTORE = 1u << 9,
	CAP_MOVE = 1u << 10,
	CAP_UNSELECT = 1u << 11,
	CAP_ID = 1u << 12,
	CAP_SASL_IR = 1u << 13,
	CAP_STARTTLS = 1u << 14,
	CAP_LOGINDISABLED = 1u << 15,
	CAP_QUOTA = 1u << 16,
	CAP_APPENDLIMIT = 1u << 17,
	CAP_COMPRESS = 1u << 18,
	CAP_ENABLE = 1u << 19,
	CAP_ESEARCH = 1u << 20,
	CAP_GMAIL = 1u << 21, /* X-GM-EXT-1 */
	CAP_STATUS_SIZE = 1u << 22,
	CAP_BINARY = 1u << 23,
};

/* Connect, secure, log in, read capabilities and namespace. Errors: ERR_CONNECT, ERR_TLS,
 * ERR_AUTH (RETRY_NEVER: a wrong password is never tried twice), ERR_TIMEOUT, ERR_UNAVAILABLE ("too
 * many connections": RETRY_LATER), ERR_PROTOCOL. */
int session_open(const struct session_options *options, struct session **out, struct err *err);

/* The same beside other work, in steps none of which waits (but for the look-up of the host's
 * name, and for the secret). *options is copied; what it points to stays the caller's, until the
 * end. */
struct opening;
int session_open_begin(const struct session_options *options, struct opening **out,
		       struct err *err);
/* As far as it goes: 1: wait (session_poll(), session_company) for session_half_open(), and then
 * call it again; 0: *out is open; -1 as session_open(). The opening ends with 0 and -1. */
int session_open_go_on(struct opening *o, struct session **out, struct err *err);
/* Good for waiting alone, until the next session_open_go_on(). */
struct session *session_half_open(const struct opening *o);
/* It is not needed any more. NULL does nothing. */
void session_open_abandon(struct opening *o);

/* Say LOGOUT without waiting for the answer, if the session is healthy: before several sessions are
 * closed one after the other. Nothing but session_close() may be called afterwards. NULL does
 * nothing. */
void session_leave(struct session *s);

/* LOGOUT if the session is healthy, close, free. NULL does nothing. */
void session_close(struct session *s);

uint32_t session_capabilities(const struct session *s); /* CAP_* */
uint64_t session_append_limit(const struct session *s); /* octets; 0: none known */
const struct profile *session_profile(const struct session *s);
const char *session_prefix(const struct session *s); /* personal namespace, UTF-8, "" or "INBOX." */
char session_separator(const struct session *s);     /* hierarchy separator; 0 if none (NIL) */
const char *session_server_name(const struct session *s); /* greeting or ID, for reports */

/* COMPRESS=DEFLATE (RFC 4978) from here on, between two commands: 1: on; 0: the server has not got
 * it or refuses; -1. It cannot be switched off again. */
int session_compress(struct session *s, struct err *err);
bool session_is_compressed(const struct session *s);
/* The shortest time that an answer has taken, in milliseconds: about the round trip's. */
uint32_t session_round_trip_ms(const struct session *s);
/* Octets that the line has taken (before compression), and for how long it took none although some
 * were waiting. */
struct session_flow {
	uint64_t octets, full_ms;
};
struct session_flow session_flow(const struct session *s);
/* All words of CAPABILITY; until the next one. */
struct slice session_capability_words(const struct session *s);
const char *session_mechanism(const struct session *s); /* of the login: "SCRAM-SHA-256", "LOGIN" */
/* How TLS protects the line: 1; 0: not at all; -1. */
int session_tls(const struct session *s, struct arena *a, struct tls_facts *out, struct err *err);

/* From now on, or with NULL no more, look after others while waiting. *company stays the caller's.
 */
void session_accompany(struct session *s, const struct session_company *company);

/* True when the session can no longer be used (line lost, protocol broken). Every call then fails
 * with the reason. */
bool session_is_dead(const struct session *s);

/* ---- folders ---- */

enum folder_attribute {
	ATTR_NOSELECT = 1u << 0, /* also \NonExistent */
	ATTR_NOINFERIORS = 1u << 1,
	ATTR_SUBSCRIBED = 1u << 2,
};

struct folder_status {
	uint32_t uidvalidity, uidnext, messages;
	uint64_t highestmodseq; /* 0: not known */
	uint64_t octets;	/* of session_folder_size() */
};

struct listed_folder {
	const char *wire_name; /* exactly as the server spells it (mUTF-7, its separator) */
	const char *name;      /* UTF-8 of the whole wire name; the wire name if undecodable */
	char separator;	       /* 0: NIL */
	uint32_t attributes;   /* ATTR_* */
	enum role role;	       /* by SPECIAL-USE or XLIST attribute; INBOX is ROLE_INBOX */
	struct folder_status status; /* where the server told it unasked for (CAP_LIST_STATUS);
					uidvalidity 0: it did not */
};

/* All folders of the personal namespace and INBOX. The array and texts belong to the arena. */
int session_list(struct session *s, struct arena *a, struct listed_folder **out, size_t *n,
		 struct err *err);

/* One folder by its wire name: 1, or 0 if it is not listed, or -1. */
int session_list_one(struct session *s, const char *wire_name, struct arena *a,
		     struct listed_folder *out, struct err *err);

int session_status(struct session *s, const char *wire_name, struct folder_status *out,
		   struct err *err);
/* Number of messages, and of their octets where the server counts them (CAP_STATUS_SIZE; else 0).
 */
int session_folder_size(struct session *s, const char *wire_name, uint32_t *messages,
			uint64_t *octets, struct err *err);

/* What the folder's quota roots say; has_* false: no limit is known, or the server does not tell.
 */
struct quota {
	bool has_octets, has_messages;
	uint64_t octets_used, octets_limit, messages_used, messages_limit;
};
int session_quota(struct session *s, const char *wire_name, struct quota *out, struct err *err);

/* CREATE (with USE where the server can and `role` is a special use), then LIST: *out is what the
 * server made of the name. "Already exists" is no error. 1: there it is; 0: refused, *err tells
 * why (err.text has the server's words; ERR_QUOTA: the account is full; RETRY_LATER: it has trouble
 * just now) but the session goes on; -1. */
int session_create(struct session *s, const char *wire_name, enum role role, struct arena *a,
		   struct listed_folder *out, struct err *err);

/* DELETE of a folder that a probe has made, and of no other: its name must have the mark. -1 with
 * SCOPE_FOLDER: the server refuses. */
#define SCRATCH_MARK "mailhoist-probe-"
int session_delete_scratch(struct session *s, const char *wire_name, struct err *err);

/* Folders that mail is to go to, in as few round trips as the provider bears: those that do not
 * exist are made, and all are asked for their status. What the server then lists under exactly the
 * name of a new one is in made[i]; its wire_name is NULL where nothing is (session_create() may
 * know another way), and where the folder exists. status[i].uidvalidity is 0 where the server
 * refused, or told no sense. */
struct new_folder {
	const char *wire_name;
	enum role role;
	bool exists;
};
int session_prepare_many(struct session *s, const struct new_folder *folders, size_t n,
			 struct arena *a, struct listed_folder *made, struct folder_status *status,
			 struct err *err);

/* A refusal is ignored. `_later`: nobody waits for the answer. */
int session_subscribe_later(struct session *s, const char *wire_name, struct err *err);
int session_subscribe(struct session *s, const char *wire_name, struct err *err);

/* ---- reading ---- */

struct selected {
	uint32_t uidvalidity, uidnext, messages; /* uidnext 0: not told (Courier) */
	bool read_only;				 /* the server said so */
	bool keywords_allowed;	  /* PERMANENTFLAGS has \*, or the server did not say */
	uint32_t permanent_flags; /* FLAG_* that can be kept; all when the server did not say */
	size_t n_keywords;
	const char **keywords;	/* of PERMANENTFLAGS, in the session until the next select */
	uint64_t highestmodseq; /* 0: the folder has no modification sequences (RFC 7162) */
};
/* EXAMINE: 0, or -1 (ERR_REFUSED, SCOPE_FOLDER if the folder cannot be opened). Dovecot answers
 * EXAMINE with empty PERMANENTFLAGS: to learn which flags a target keeps, use session_select(). */
int session_examine(struct session *s, const char *wire_name, struct selected *out,
		    struct err *err);
/* SELECT; refused in a read-only session. Leave it with session_unselect(). */
int session_select(struct session *s, const char *wire_name, struct selected *out, struct err *err);
bool session_is_selected(const struct session *s); /* and still is */
/* UNSELECT where the server has it; otherwise EXAMINE of a folder that is not there. Nothing where
 * no folder has been opened. */
int session_unselect(struct session *s, struct err *err);

struct index_row {
	uint32_t uid;
	uint64_t size;
	int64_t internaldate;
	struct flag_set flags; /* keywords in the arena given to session_index_next() */
	struct slice header;   /* the KEY_FIELDS, raw; valid until the next call */
	uint64_t gmail_id;     /* the same in every label (CAP_GMAIL); 0: not told */
};
/* UID FETCH first:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (...)]) of the
 * examined folder; session_index_next() delivers rows as they come: 1, 0 at the end, -1. A row
 * below `first` ("n:*" delivers the last message even then) is left out. A tagged NO is -1 even
 * after rows (RETRY_NOW when messages were expunged meanwhile), and so is an answer that could not
 * be read: a cut index would make duplicates. A header above 1 MiB is cut there. Starting another
 * command gives up the rest of the rows. */
int session_index_start(struct session *s, uint32_t first, struct err *err);
/* The same without the header fields: `header` of the rows is empty. */
int session_sizes_start(struct session *s, uint32_t first, struct err *err);
int session_index_next(struct session *s, struct arena *a, struct index_row *out, struct err *err);
/* The same without waiting: 2 when no row has come yet. */
int session_index_try(struct session *s, struct arena *a, struct index_row *out, struct err *err);
/* Until there may be a row for session_index_try() of one of the sessions, or a second has passed:
 * 0, or -1 when a signal asked to stop. */
int session_index_wait(struct session *const *sessions, size_t n, struct err *err);
/* UID FETCH 1:* (UID FLAGS) of the examined folder; `since` > 0 (CAP_CONDSTORE, RFC 7162): of those
 * messages alone whose flags have changed since that HIGHESTMODSEQ. Rows come from
 * session_index_next() as well; only their `uid` and `flags` are filled. */
int session_flags_start(struct session *s, uint64_t since, struct err *err);

/* The same of given UIDs, ascending, as many as fit on one line: *taken. Rows come in any order, of
 * UIDs that no longer exist none. `header`: with the KEY_FIELDS; without, row.header is empty. */
int session_index_start_set(struct session *s, const uint32_t *uids, size_t n, bool header,
			    size_t *taken, struct err *err);

/* UID FETCH uids (BODY.PEEK[section]<0.octets>) for the given UIDs of the examined folder,
 * streamed: never a whole message in memory. `section` is "", "HEADER" or "TEXT"; octets 0: all of
 * it. */
enum chunk_kind { CHUNK_BEGIN, CHUNK_BYTES, CHUNK_END };
struct fetch_chunk {
	enum chunk_kind kind;
	uint32_t uid;
	struct slice bytes; /* CHUNK_BYTES; valid until the next call */
	uint64_t total;	    /* CHUNK_BEGIN: octets to come */
};
int session_fetch_start(struct session *s, const uint32_t *uids, size_t n, const char *section,
			uint64_t octets, struct err *err);
/* 1 a chunk, 0 the end, -1. UIDs that no longer exist are silently missing. Every CHUNK_BEGIN is
 * followed by CHUNK_BYTES (any number) and CHUNK_END. Starting another command gives up the rest.
 */
int session_fetch_next(struct session *s, struct fetch_chunk *out, struct err *err);

/* ---- asking ahead ---- */

/* Say now what will be asked soon: session_status(), session_examine(), session_index_start() and
 * session_flags_start() with the same arguments then find their answers under way or here. In that
 * order they should be asked; one that is not asked for costs its answer's octets. 1: said; 0: no
 * room now, or it cannot be said ahead; -1. A folder without messages must not be asked for them,
 * and no folder for messages and flags at once: some servers answer the two mixed.
 */
size_t session_ahead_room(const struct session *s);
int session_status_ahead(struct session *s, const char *wire_name, struct err *err);
int session_examine_ahead(struct session *s, const char *wire_name, struct err *err);
int session_index_ahead(struct session *s, uint32_t first, struct err *err);
int session_flags_ahead(struct session *s, uint64_t since, struct err *err);

/* ---- uploading: submit and reap ---- */

/* One message of an APPEND. */
struct append_spec {
	uint32_t flags; /* FLAG_* */
	const char *const *keywords;
	size_t n_keywords;
	int64_t internaldate;
	uint64_t size;	    /* octets that will follow, exactly */
	bool synchronising; /* wait for "+" before the octets; else LITERAL+ (the caller knows that
			       the server has it) */
	bool literal8;	    /* `~{n}`: octets with NULs among them (CAP_BINARY, RFC 3516 4.4) */
};

/* Keywords that may stand on an APPEND line at all: [A-Za-z0-9$_.-]{1,50}. Others are dropped by
 * the planner and reported; the writer refuses them (ERR_INTERNAL). */
bool session_keyword_ok(const char *keyword);

/* Octets that may be queued now without growing the output beyond its window (256 KiB). */
size_t session_room(const struct session *s);

/* Begin an APPEND to `wire_name`; returns its ticket (> 0) by which its end is recognised, or -1.
 * Then for each message session_append_message(), its octets by session_append_bytes(), and after
 * the last one session_append_end(). All of these queue; octets may go out when there are enough
 * of them, everything else with session_poll(). Several messages need CAP_MULTIAPPEND.
 * session_append_bytes() takes at most session_room() octets. A message whose octets cannot be had
 * after all (the source changed) leaves no way but session_close(): nothing of this APPEND is
 * stored then. A BAD to octets that were sent without waiting for "+" ends the session: the server
 * may be reading mail as commands.
 */
int64_t session_append_begin(struct session *s, const char *wire_name, struct err *err);
int session_append_message(struct session *s, const struct append_spec *spec, struct err *err);
int session_append_bytes(struct session *s, const void *bytes, size_t len, struct err *err);
int session_append_end(struct session *s, struct err *err);

/* After a synchronising message: has the server said "+"? 1 yes (go on with its octets), 0 not
 * yet (poll), -1 no: the command was refused before its octets (its result can be reaped; do not
 * call session_append_end()). */
int session_may_continue(struct session *s);

/* ---- filing: submitted and reaped in the same way ---- */

/* UID COPY and UID MOVE (CAP_MOVE) of the given UIDs of the selected folder, ascending, into
 * `wire_name`; as many as fit on one line: *taken. Returns the ticket, or -1. */
int64_t session_copy(struct session *s, const uint32_t *uids, size_t n, const char *wire_name,
		     size_t *taken, struct err *err);
int64_t session_move(struct session *s, const uint32_t *uids, size_t n, const char *wire_name,
		     size_t *taken, struct err *err);

/* UID STORE +FLAGS.SILENT or -FLAGS.SILENT in the selected folder. */
struct store_spec {
	bool remove; /* these flags; else add them */
	uint32_t flags;
	const char *const *keywords;
	size_t n_keywords;
	uint64_t
		unchanged_since; /* RFC 7162 3.1.3: leave alone what was changed later; 0: no limit
				    (the caller knows that the folder has modification sequences) */
};
int64_t session_store(struct session *s, const uint32_t *uids, size_t n,
		      const struct store_spec *spec, size_t *taken, struct err *err);

/* UID EXPUNGE of exactly these (CAP_UIDPLUS): those of them that are marked \Deleted go. */
int64_t session_expunge(struct session *s, const uint32_t *uids, size_t n, size_t *taken,
			struct err *err);

/* A command that does nothing, to keep the session alive or to separate refusals. Queued. */
int session_noop(struct session *s, struct err *err);

/* One round: wait until bytes can move on any of the `n` sessions or `timeout_ms` (at most a
 * second) has passed, and move them both ways. Does not wait when something has come since the last
 * call that the caller has not been told of, or a session is dead. 0, or -1 when a signal asked to
 * stop (ERR_INTERRUPTED; the round was done all the same, so that a caller may go on calling to let
 * what is on its way end). What happened shows in session_room(), session_may_continue() and
 * session_reap(). */
int session_poll(struct session *const *sessions, size_t n, int timeout_ms, struct err *err);

enum refusal {
	REFUSAL_NONE,
	REFUSAL_NO_FOLDER, /* TRYCREATE, NONEXISTENT */
	REFUSAL_TOO_BIG,
	REFUSAL_QUOTA,
	REFUSAL_CONTENT,
	REFUSAL_FLAGS,
	REFUSAL_PERMISSION,
	REFUSAL_THROTTLED,
	REFUSAL_SERVER, /* SERVERBUG, UNAVAILABLE, ... */
	REFUSAL_SYNTAX, /* BAD */
	REFUSAL_OTHER,
};
/* How long a server that puts us off asks us to wait ("Suggested Backoff Time: 89000 milliseconds",
 * Exchange), in ms, two hours at most; 0: it does not say. Also in err.wait_ms of a call that
 * failed for that reason (ERR_UNAVAILABLE, RETRY_LATER). */
uint32_t refusal_wait_ms(const char *words);

/* From `first` to `last`, first <= last. */
struct uid_range {
	uint32_t first, last;
};
struct append_result {
	int64_t ticket;
	bool ok;
	uint32_t uidvalidity;	      /* of APPENDUID; 0: none */
	uint32_t first_uid, last_uid; /* of APPENDUID's set when it is one ascending range */
	size_t n_uids;		      /* number of UIDs in it */
	/* COPY, MOVE: of COPYUID, with `uidvalidity` of the target: the i-th UID of `from` is now
	 * the i-th of `to`; both empty when the server did not tell, or could not mean it.
	 * STORE: `from` is MODIFIED, what somebody else had changed. Valid until the next call. */
	const struct uid_range *from, *to;
	size_t n_from, n_to;
	enum refusal refusal;
	const char *text; /* the server's words; valid until the next call */
};
/* The next ended APPEND, COPY, MOVE, STORE or EXPUNGE in command order: 1; 0: none has ended; -1:
 * the session is dead and all tickets not reaped are in doubt. */
int session_reap(struct session *s, struct append_result *out, struct err *err);

#endif
