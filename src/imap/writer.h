/*
 * All that we say to a server goes through here: the strict generator of commands
 * (RFC 3501 9) and the bounded buffer in which they wait to be sent.
 *
 * writer_command() is the one function that begins a command. What it can say is
 * a table; in a read-only session only the rows that cannot change anything are
 * said. Nothing that a user, a mail or a server wrote stands on a line unquoted,
 * and tags cannot be guessed: on some servers a rejected line makes them read the
 * mail behind it as commands (servers.md 0.1), and that mail must not be able to
 * imitate us.
 */
#ifndef MAILHOIST_IMAP_WRITER_H
#define MAILHOIST_IMAP_WRITER_H

#include "base/buf.h"
#include "imap/session.h"

#define OUTPUT_WINDOW (256u << 10) /* what session_room() offers */
#define OUTPUT_MAX    (512u << 10) /* with command lines and what a caller overdoes */
#define COMMAND_MAX   (16u << 10)  /* octets of one command line: Courier takes no more */
#define SET_LINE_MAX  8000 /* of a line with a UID set: what most servers take (RFC 7162 4) */
#define TAG_SIZE      40

enum verb {
	VERB_CAPABILITY,
	VERB_NOOP,
	VERB_LOGOUT,
	VERB_STARTTLS,
	VERB_AUTHENTICATE,
	VERB_LOGIN,
	VERB_ID,
	VERB_NAMESPACE,
	VERB_LIST,
	VERB_XLIST,
	VERB_STATUS,
	VERB_EXAMINE,
	VERB_UNSELECT,
	VERB_UID_FETCH,
	VERB_SELECT,
	VERB_CREATE,
	VERB_DELETE, /* session_delete_scratch() alone */
	VERB_SUBSCRIBE,
	VERB_APPEND,
	VERB_UID_COPY,
	VERB_UID_MOVE,
	VERB_UID_STORE,
	VERB_UID_EXPUNGE,
	VERB_GETQUOTAROOT,
	VERB_COMPRESS,
	VERB_COUNT
};
const char *verb_name(enum verb verb);

/* A ring of octets to be sent. */
struct writer {
	char *ring;
	size_t head, len;
	bool read_only;
	bool secret; /* the ring holds a password: wipe it when it has gone */
	char tag_prefix[24];
	uint64_t counter; /* of the last command */
};

int writer_init(struct writer *w, bool read_only, struct err *err);
void writer_release(struct writer *w);

/* Stage `tag VERB`, and " arguments" when there are any. The line end is the caller's: it comes
 * with the arguments or, in an APPEND, much later. *number is the command's number. ERR_READONLY,
 * SCOPE_RUN when the session may not say this. */
int writer_command(struct writer *w, enum verb verb, struct slice arguments, uint64_t *number,
		   struct err *err);

/* More octets of the command that was begun. */
int writer_add(struct writer *w, const void *bytes, size_t len, struct err *err);

/* What can be sent in one piece; and how much of it has gone. */
struct slice writer_pending(const struct writer *w);
void writer_sent(struct writer *w, size_t len);

/* The tag of a command, NUL-terminated. */
void writer_tag(const struct writer *w, uint64_t number, char tag[TAG_SIZE]);
/* The number of the command that has this tag; 0: not one of ours. */
uint64_t writer_number(const struct writer *w, struct slice tag);

/* ---- arguments ---- */

#define ARGS_LITERALS_MAX 4

/* The arguments of one command: text, and the places where a literal begins, at which the server
 * must say "+" first. */
struct args {
	struct buf text;
	size_t literal_at[ARGS_LITERALS_MAX]; /* offsets behind "{n}\r\n" */
	size_t n_literals;
	bool bad; /* something that cannot be said */
};
#define ARGS_INIT                                                                                  \
	{                                                                                          \
		.text = BUF_INIT(COMMAND_MAX)                                                      \
	}

void args_release(struct args *a); /* wipes: there may be a password */

/* Each puts a blank before itself, unless it is the first or follows a "(". */
void args_raw(struct args *a, const char *text); /* text of ours */
void args_number(struct args *a, uint64_t number);
/* Quoted string, or a literal when it has octets that cannot be quoted. NUL cannot be said. */
void args_string(struct args *a, struct slice text);
/* The same for a folder name: CR and LF cannot be said either. */
void args_folder(struct args *a, struct slice wire_name);
void args_end(struct args *a); /* CR LF */

/* Append `text` quoted to `b`; false (nothing appended) if it has octets that cannot be quoted. */
bool quote(struct buf *b, struct slice text);

/* `(\Seen kw)` into `b`. ERR_INTERNAL if a keyword may not stand there. */
int flag_list(struct buf *b, uint32_t flags, const char *const *keywords, size_t n,
	      struct err *err);

/* ` (\Seen kw) "date" {n+}` CR LF of an APPEND message into `b`. ERR_INTERNAL if a keyword may not
 * stand there. */
int append_line(struct buf *b, const struct append_spec *spec, struct err *err);

#endif
