/*
 * The inside of a session: what the files of imap/ that make it up share. Nobody outside of imap/
 *includes it.
 *
 * There is one reader of frames, session_frame(). It keeps the books (tags of
 * APPENDs, "+", BYE, EXISTS, CAPABILITY) for every frame that passes, and hands out
 * those that belong to the command at work. Commands that ask something are pulled
 * like an iterator:
 *
 *	if (command_start(s, VERB_STATUS, &args, err))
 *		return -1;
 *	while ((got = command_next(s, &r, err)) > 0)
 *		if (response_is(&r, "STATUS"))
 *			...
 *	if (got < 0 || r.status != STATUS_OK)
 *		...
 */
#ifndef MAILHOIST_IMAP_SESSION_IMPL_H
#define MAILHOIST_IMAP_SESSION_IMPL_H

#include <poll.h>

#include "imap/etpan.h"
#include "imap/framer.h"
#include "imap/response.h"
#include "imap/session.h"
#include "imap/writer.h"
#include "net/stream.h"

#define PIPELINE_MAX 1024 /* APPENDs and NOOPs without an answer or not reaped */

#define GREETING_TIMEOUT_MS 60000
#define CONTINUE_TIMEOUT_MS 120000
#define REPLY_TIMEOUT_MS    300000
#define LOGOUT_TIMEOUT_MS   2000
#define SLOWEST_OCTETS_A_MS 20	   /* 20 kB/s: a server may take that long for what we sent */
#define UNTAGGED_MAX	    250000 /* besides two for each message of the selected folder */
#define PROGRESS_OCTETS	    1024   /* a server that says less in a whole deadline says nothing */

/* The command that somebody waits for; one at a time. */
struct command {
	bool active;
	bool wants_continue; /* a "+" is for it */
	bool ended;	     /* refused before it was said to its end, */
	struct response end; /* with these words, still in the framer */
	enum verb verb;
	uint64_t number;
	uint64_t last; /* several.c has said all of `number` to `last` at once, */
	size_t left;   /* of which so many have not been answered; otherwise 1 */
};

/* A queued APPEND, COPY, ... (or NOOP): one place in a ring, in command order. */
struct pending {
	uint64_t number;
	enum verb verb;
	bool unproven; /* octets went without a "+" */
	bool done;
	uint32_t n_messages;
	uint64_t octets;
	struct append_result result; /* its text and ranges are on the heap: owned here */
	char *text;
	struct uid_range *from, *to;
};

/* The APPEND being composed. */
struct composing {
	bool open;	     /* between begin and end */
	bool wants_continue; /* "{n}" is queued, "+" has not come */
	bool refused;	     /* ended before its end; what follows is not sent, */
	bool in_octets;	     /* but for the rest of the message that is on its way */
	uint64_t left;	     /* octets of the message still to be queued */
	uint64_t number;
};

/* A question that was said before it is asked (ahead.c). */
#define AHEAD_MAX 64
struct announced {
	enum verb verb;
	uint64_t number;
	int64_t asked_ms;
	char *text; /* its arguments; owned */
	size_t len;
};

struct session {
	struct stream *stream;
	struct framer framer;
	struct writer writer;
	struct etpan *etpan;
	struct arena own; /* texts that live as long as the session */
	struct buf scratch;

	const char *host;
	struct secret_source secret;
	uint32_t stalled; /* SASL_BIT(): not to be used, since the server gives no answer to them */
	void (*alert)(void *context, const char *text);
	void (*trace_ended)(void *context, int sys_errno);
	void *alert_context;
	struct slice guarded; /* the password while logging in: what repeats it is not shown */
	bool read_only;
	int timeout_ms;
	int trace_fd;
	const struct session_company *company; /* NULL: alone */
	struct opening *opening;	       /* it is being opened beside other work; NULL: not */
	struct waiter waiter;		       /* that makes use of either, */
	struct pollfd awaited;		       /* for this; fd -1: for nothing, */
	int64_t awaited_ms;		       /* until then */

	bool dead;   /* no more bytes; what has come may still be read */
	bool broken; /* not even that */
	struct err death;
	bool logged_in;
	bool greeted;
	bool logging_out;    /* BYE is expected */
	int64_t progress_ms; /* when something last moved */
	int64_t asked_ms;    /* when the command at work was staged */
	struct session_flow flow;
	uint32_t round_trip_ms; /* the shortest answer; UINT32_MAX: none yet */
	size_t octets_since;	/* read since then, of frames not yet whole */

	struct capabilities caps;
	const char *prefix, *server_name, *greeting, *mechanism;
	struct buf capability_words; /* of the last CAPABILITY */
	bool recognised;	     /* the server is the one that session_memory knows, */
	uint32_t memory_lesson;	     /* if that is its lesson still: memory_knows() */
	struct slice profile_file;
	const char *profile_wanted;
	struct profile profile;
	struct namespaces namespaces;
	char separator;

	struct command command;
	struct ahead {
		struct announced ring[AHEAD_MAX];
		size_t head, n, octets;
		bool astray; /* another folder is open than was asked for last */
	} ahead;
	struct pending *ring; /* PIPELINE_MAX */
	size_t ring_head, ring_len;
	size_t n_undone;
	bool news;		/* an answer has come since the last session_poll() */
	uint64_t octets_undone; /* of APPENDs without an answer */
	bool full;		/* the line took less than it was offered */
	size_t early;		/* octets written between two polls */
	struct composing append;
	struct pending reaped; /* whose text and ranges the caller looks at */

	bool open;	   /* a folder may be: it has been asked for since the last UNSELECT */
	bool writable;	   /* it is, by SELECT */
	uint32_t exists;   /* of the selected folder, as last told */
	uint64_t untagged; /* responses since the last tagged one */
	struct arena selected_arena;
	struct selected selected;

	struct index_state {
		bool active, flags_only;
		bool no_header; /* header fields were not asked for */
		bool by_set;	/* of given UIDs */
		uint32_t first;
		uint64_t unreadable;
	} index;
	struct fetch_state {
		bool active;
		uint32_t *uids; /* owned */
		size_t n;
		size_t from, next; /* the command at work asks for uids[from..next) */
		char item[16];	   /* "BODY[TEXT]" */
		uint64_t octets;
		bool one_by_one; /* this server tells the UID behind the octets */
		bool restart;	 /* drop the answers of this command and ask one by one */
		size_t n_given;	 /* messages of this command that were handed out */
		enum { FETCH_IDLE, FETCH_STREAM, FETCH_SKIP, FETCH_MEMORY, FETCH_MEMORY_END } state;
		struct slice memory; /* a body that came in one piece */
		uint32_t uid;
	} fetch;
};

/* ---- session.c ---- */

/* The session is dead for the reason in *err. Always returns -1. */
int session_fail(struct session *s, const struct err *err);
int session_fail_protocol(struct session *s, struct err *err, const char *what);
/* 0, or -1 with the reason of its death. */
int session_check(const struct session *s, struct err *err);

void trace(struct session *s, const char *who, struct slice line);
void trace_command(struct session *s, enum verb verb, uint64_t number, struct slice first);

/* session_open(); `beside` (or NULL) waits for it. */
int session_open_beside(const struct session_options *options, struct opening *beside,
			struct session **out, struct err *err);

/* ---- opening.c ---- */

/* The session that it opens now, or NULL. */
void opening_of(struct opening *o, struct session *s);
/* Let the others work until something may have come: 0; -1: it is not needed any more. */
int opening_wait(struct opening *o, struct err *err);

/* ---- pump.c: moving bytes ---- */

/* Is it the server's turn? An APPEND whose octets the caller still has to bring does not count. */
bool session_is_waiting(const struct session *s);
/* One round of poll(2) on this session, at most until its deadline: 0, -1. */
int session_round(struct session *s, struct err *err);
/* Wait for a descriptor of the session's stream to be, while others work (net/wait.h). */
int session_await(void *session, int fd, short events, int64_t deadline, struct err *err);
/* Move what can be moved without waiting. */
void session_pump(struct session *s, short revents);
/* Octets of an APPEND: where there are enough of them, and the line takes them, they go at once,
 * while the processor still has them in its cache, and from where they are. The others are staged.
 */
int session_write_early(struct session *s, struct slice bytes, struct err *err);
/* Milliseconds until the deadline, from now; -1: there is none. */
int64_t session_time_left(const struct session *s);
void session_progress(struct session *s);
/* Ends the session when its time is over. */
void session_check_deadline(struct session *s);
/* Something is about to be staged: if it was not the server's turn, its time begins now. */
void session_turn(struct session *s);

/* ---- reader.c: frames ---- */

/* The server has told its capabilities. */
void note_capabilities(struct session *s, struct slice list);

/* The next frame that belongs to the command at work: 1; -1. Waits. *r describes whole responses
 * (FRAME_RESPONSE without `tail`). */
int session_frame(struct session *s, struct frame *frame, struct response *r, struct err *err);
/* The same without waiting: 0 when none has come yet. */
int session_frame_now(struct session *s, struct frame *frame, struct response *r, struct err *err);
/* Has somebody asked, or announced to ask, for what comes next? */
bool session_is_pulled(const struct session *s);
/* Look at every frame that has come, as long as no command is at work. */
void session_digest(struct session *s);

/* ---- command.c ---- */

/* Begin a command: gives up what an unfinished one still has to say, stages it, sends it; its
 * literals one by one, waiting for "+". Ends the arguments by itself. Returns 0; -1. If the server
 * refuses a literal, command_next() delivers the refusal. */
int command_start(struct session *s, enum verb verb, struct args *args, struct err *err);

/* Untagged responses of the command: 1; 0 when it has ended, then *r is the tagged response; -1. */
int command_next(struct session *s, struct response *r, struct err *err);

/* The same without waiting: 2 when no response has come yet. */
int command_next_now(struct session *s, struct response *r, struct err *err);

/* Wait for the "+" of a command: 1, *r is the continuation; 0: the command has ended, *r is the
 * tagged response; -1. */
int command_continue(struct session *s, struct response *r, struct err *err);

/* More octets of the command at work (a SASL answer). */
int command_add(struct session *s, const void *bytes, size_t len, struct err *err);

/* Run a command whose data nobody wants; 0 OK, 1 refused (*r tells), -1. */
int command_run(struct session *s, enum verb verb, struct args *args, struct response *r,
		struct err *err);

/* One tagged answer to the command at work has come. */
void command_answered(struct session *s);

/* Give up what the command at work still has to say. */
int command_finish(struct session *s, struct err *err);

/* "the server refused LIST: words": -1 with ERR_REFUSED. */
int refused(struct session *s, enum verb verb, const struct response *r, enum err_scope scope,
	    struct err *err);
/* The same of a folder that mail is to go to: RETRY_LATER where that may pass by, and ERR_QUOTA of
 * CREATE. */
int refused_target(struct session *s, enum verb verb, const struct response *r, struct err *err);

/* ---- several.c ---- */

/* Commands that do not depend on each other. Commands that cannot be said at all never end. */
struct several {
	size_t n;
	/* Command `i`: its arguments into *args. May be asked twice. */
	enum verb (*say)(void *context, size_t i, struct args *args);
	/* An untagged response while commands from..from+n-1 are at work; may be NULL. */
	void (*told)(void *context, size_t from, size_t n, const struct response *r);
	/* The tagged response of command `i`; may be NULL. */
	void (*ended)(void *context, size_t i, const struct response *r);
	void *context;
};
/* Say them in as few writes as the provider bears, and wait for all answers: 0, -1. */
int commands_run(struct session *s, const struct several *v, struct err *err);

/* ---- status.c ---- */

/* "(UIDVALIDITY ...)": what is asked of a folder. */
const char *status_items(const struct session *s);
void status_args(const struct session *s, const char *wire_name, struct args *args);
/* Does a STATUS response tell of the mailbox that was asked for? A server may tell of others
 * unasked. Letters in any case, since servers spell names as they like; names with blanks may lack
 * quotes. `exactly`: among several folders, where case may be all that tells two apart. */
bool status_is_of(const struct response *r, struct slice wire_name, bool exactly);
/* True if the response is the STATUS of this folder and makes sense. */
bool status_read(struct session *s, const struct response *r, const char *wire_name, bool exactly,
		 struct folder_status *out);

/* ---- folders.c ---- */

void create_args(const struct session *s, const char *wire_name, enum role role, struct args *args);
void list_args(const struct session *s, struct slice pattern, struct args *args);
/* True if the response lists exactly this folder. */
bool list_read(struct session *s, const struct response *r, const char *wire_name, struct arena *a,
	       struct listed_folder *out);

/* ---- ahead.c ---- */

/* Say a command whose answer will be asked for later: 1; 0: it cannot be said now, or not in one
 * piece; -1. */
int ahead_announce(struct session *s, enum verb verb, struct args *args, struct err *err);
/* 1: this very command was announced and is now the one at work; 0: it is to be sent, nothing is
 * under way; -1. */
int ahead_adopt(struct session *s, enum verb verb, struct slice text, struct err *err);
/* A question about messages, while another folder is open than was asked for last: -1. */
int ahead_check(const struct session *s, enum verb verb, struct err *err);
/* Nobody will ask for what was announced. */
int ahead_drop(struct session *s, struct err *err);
void ahead_release(struct session *s);
bool opens_folder(enum verb verb);

/* ---- append.c ---- */

/* A tagged response that is not the command's: true if it was a pending APPEND's or NOOP's. */
bool append_ended(struct session *s, uint64_t number, const struct response *r);
/* A "+" that is not the command's: true if an APPEND waited for it. */
bool append_continued(struct session *s);
/* Is something under way, and nothing but what nobody waits for (NOOP, SUBSCRIBE, ID)? */
bool append_only_unasked(const struct session *s);
void append_release(struct session *s);
/* Begin a command that has a place in the ring. NULL: *err tells. */
struct pending *session_enqueue(struct session *s, enum verb verb, struct slice arguments,
				struct err *err);
/* The place `i` of the ring, from the oldest on. */
struct pending *session_pending(const struct session *s, size_t i);

/* ---- filing.c ---- */

/* "[COPYUID ...]" of an untagged OK (RFC 6851 4.3): it is that of the oldest COPY or MOVE that has
 * none yet. */
void filing_noted(struct session *s, const struct response *r);
/* The tagged OK of a COPY, MOVE or STORE: its COPYUID or MODIFIED into the result. */
void filing_ended(struct pending *p, const struct response *r);

/* ---- login.c ---- */
int session_login(struct session *s, const struct session_options *options, struct err *err);

/* ---- memory.c; a memory may be NULL but where it is const ---- */

/* Before the login: is this what the server said the last time? Sets s->recognised. */
void memory_recognise(struct session *s, struct session_memory *m);
/* Is it so still? Clears s->recognised if not. */
bool memory_knows(struct session *s, const struct session_memory *m);
/* After it: what it can do. A server that tells something else than before is another one. */
void memory_note_capabilities(struct session *s, struct session_memory *m);
void memory_note_namespaces(const struct session *s, struct session_memory *m,
			    const struct response *r);
/* All else has been asked. */
void memory_note_account(const struct session *s, struct session_memory *m);
/* True: nothing need be asked. */
bool memory_recall_account(struct session *s, const struct session_memory *m);

/* ---- index.c ---- */
struct fetched {
	bool has_uid, has_size, has_flags, has_date, has_header;
	struct index_row row;
};
/* The items of a FETCH response ("(UID 1 FLAGS () ...)"), in any order. False if it cannot be
 * read. The header may lie in `scratch`. */
bool fetch_items(struct slice rest, struct arena *a, struct buf *scratch, struct fetched *out);

#endif
