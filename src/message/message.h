/*
 * The message model: what every source delivers and every later step uses.
 * A message's bytes are a range of a descriptor; nothing holds a whole message
 * in memory.
 */
#ifndef MAILHOIST_MESSAGE_MESSAGE_H
#define MAILHOIST_MESSAGE_MESSAGE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "message/checksum.h"
#include "message/flags.h"

#define SHA256_LEN 32
#define KEY_LEN	   16 /* bytes kept of the hashes that serve as search keys */

/* Stored bytes: `len` bytes at `off` of `fd`. The descriptor belongs to the source that
 * delivered the message and is valid until its next call. */
struct body {
	int fd;
	uint64_t off, len;
	const char *bytes; /* NULL, or the same bytes where the source has them in memory anyway;
			      valid as long as the descriptor */
};

enum eol_mode {
	EOL_LINES, /* CR LF and LF end a line, mixed as they come; a lone CR is data */
	EOL_CR,	   /* the file has no LF at all: CR ends a line */
};

enum quoting {
	QUOTING_NONE,	/* nothing to undo */
	QUOTING_MBOXO,	/* ">From " loses its '>' */
	QUOTING_MBOXRD, /* ">+From " loses one '>' */
};

/* Header fields that a local store adds and that do not go up (mail-stores.md 4.3). Bits of
 * canon_rules.strip: for each bit, the first field of that name is removed. */
enum strip {
	STRIP_STATUS = 1u << 0,
	STRIP_X_STATUS = 1u << 1,
	STRIP_X_KEYWORDS = 1u << 2,
	STRIP_X_UID = 1u << 3,
	STRIP_X_IMAP = 1u << 4,
	STRIP_X_IMAPBASE = 1u << 5,
	STRIP_CONTENT_LENGTH = 1u << 6,
	STRIP_LINES = 1u << 7, /* only directly behind a removed Content-Length (mutt) */
	STRIP_X_MOZILLA_STATUS = 1u << 8,
	STRIP_X_MOZILLA_STATUS2 = 1u << 9,
	STRIP_X_MOZILLA_KEYS = 1u << 10,
	STRIP_X_ACCOUNT_KEY = 1u << 11,
	STRIP_X_UIDL = 1u << 12,
	STRIP_X_EVOLUTION = 1u << 13,
	STRIP_X_EVOLUTION_SOURCE = 1u << 14,
	STRIP_X_TUID = 1u << 15,
	STRIP_X_OFFLINEIMAP = 1u << 16,
	STRIP_X_KMAIL = 1u << 17, /* every X-KMail-* field */

	STRIP_MBOX = STRIP_STATUS | STRIP_X_STATUS | STRIP_X_KEYWORDS | STRIP_X_UID | STRIP_X_IMAP |
		     STRIP_X_IMAPBASE,
	STRIP_MOZILLA = STRIP_X_MOZILLA_STATUS | STRIP_X_MOZILLA_STATUS2 | STRIP_X_MOZILLA_KEYS |
			STRIP_X_ACCOUNT_KEY | STRIP_X_UIDL,
	STRIP_EVOLUTION = STRIP_X_EVOLUTION | STRIP_X_EVOLUTION_SOURCE,
};

/* How stored bytes become canonical bytes (canon.h). */
struct canon_rules {
	enum eol_mode eol;
	enum quoting quoting;
	uint32_t strip; /* STRIP_* */
};

enum role {
	ROLE_NONE,
	ROLE_INBOX,
	ROLE_SENT,
	ROLE_DRAFTS,
	ROLE_TRASH,
	ROLE_JUNK,
	ROLE_ARCHIVE,
	ROLE_TEMPLATES,
	ROLE_OUTBOX, /* unsent mail: not carried */
	ROLE_ALL,    /* server only: \All */
	ROLE_FEEDS,  /* RSS: not carried */
	ROLE_COUNT
};
const char *role_name(enum role role); /* "inbox", "sent", ...; "" for none */

enum message_state {
	STATE_WHOLE,
	STATE_PARTIAL,	  /* only the first lines were fetched by POP */
	STATE_TRUNCATED,  /* last message of a file that was cut off */
	STATE_DELETED,	  /* deleted but not compacted or expunged: left out by default */
	STATE_OUTBOX,	  /* unsent: left out */
	STATE_FEED,	  /* RSS item: left out */
	STATE_UNREADABLE, /* could not be read: counted, named, not uploaded */
};
const char *state_name(enum message_state state); /* "whole", "partial", "deleted", ... */

enum date_source {
	DATE_NOWHERE, /* 1970-01-02, reported */
	DATE_STORE,   /* the store keeps the true arrival: From_ line or mtime */
	DATE_RECEIVED,
	DATE_DATE,
	DATE_DELIVERY,
	DATE_FROM_LINE,
	DATE_FILE_NAME,
	DATE_MTIME,
};
const char *date_source_name(enum date_source source);

/* What the store itself says about the arrival. */
struct arrival {
	bool trusted;	   /* an IMAP-type store: from_line or mtime is the server's arrival date */
	int64_t from_line; /* TIME_NONE where missing, as for the next two */
	int64_t file_name;
	int64_t mtime;
};
#define ARRIVAL_NONE                                                                               \
	{                                                                                          \
		false, TIME_NONE, TIME_NONE, TIME_NONE                                             \
	}

/* What was tolerated or noticed in the bytes; reported, never changed by us. */
enum repair {
	REPAIR_UNQUOTED = 1u << 0,	  /* mbox quoting undone */
	REPAIR_STRIPPED = 1u << 1,	  /* store headers removed */
	REPAIR_FINAL_EOL = 1u << 2,	  /* final line end added */
	NOTE_NUL = 1u << 3,		  /* has NUL octets: servers change or refuse these */
	NOTE_BARE_CR = 1u << 4,		  /* CR in mid-line */
	NOTE_CR_CR_LF = 1u << 5,	  /* servers drop one CR */
	NOTE_8BIT_HEADER = 1u << 6,	  /* Cyrus replaces these octets */
	NOTE_LONG_LINE = 1u << 7,	  /* a line over 998 octets */
	NOTE_NO_HEADER = 1u << 8,	  /* no header field at all */
	NOTE_DATE_CLAMPED = 1u << 9,	  /* INTERNALDATE moved into what servers can store */
	NOTE_ZONE_UNKNOWN = 1u << 10,	  /* From_ date without a zone, read as UTC */
	NOTE_KEYWORDS_DROPPED = 1u << 11, /* more keywords than we carry */
	NOTE_TRUNCATED = 1u << 12,	  /* see STATE_TRUNCATED */
};
#define REPAIR_COUNT 13
const char *repair_name(uint32_t bit); /* stable names for the jsonl output */

/* One message as its source delivers it (first part) and as the scan completes it (second part,
 * message/scan.h). Pointers belong to the arena given to next_message(). */
struct message {
	/* from the source */
	const char *locator; /* finds it again in the same source; stable, printable */
	struct body body;
	struct canon_rules canon;
	struct flag_set flags;
	struct arrival arrival;
	enum message_state state;
	uint32_t repairs; /* enum repair */
	/* POP's name for the message on its server (message/pop.h), as the store kept it, or NULL.
	 * The scan adds what a fetcher's Received line tells, here and below. */
	const char *uidl;
	/* The store proves that POP fetched the message: the server's copy was marked as read by
	 * that, whatever the user did. */
	bool pop_fetched;
	/* Composed from a store that has no original bytes (Outlook): the same message elsewhere
	 * has other ones. */
	bool rebuilt;
	uint32_t fidelity; /* enum fidelity: what the composed one lacks */

	/* from the scan */
	uint64_t wire_len;   /* octets of the canonical bytes */
	uint64_t header_len; /* of these: header block with its empty line */
	uint64_t nul_count, cr_count, cr_cr_lf_count; /* what servers may change */
	uint64_t pop_lead_len, pop_path_len;	      /* as in struct pop_trace */
	uint8_t sha256[SHA256_LEN];		      /* of the canonical bytes */
	uint8_t checksum[CHECKSUM_LEN];		      /* of them, too */
	const char *message_id;			      /* as it stands, trimmed, or NULL */
	const char *subject, *from; /* decoded (RFC 2047) UTF-8 for reports; may be NULL */
	int64_t date;		    /* of the Date field, or TIME_NONE */
	int64_t internaldate;	    /* UTC; always set, within what servers can store */
	enum date_source date_source;
	struct match_keys {
		bool has_id;		 /* a Message-ID is there */
		uint8_t id[KEY_LEN];	 /* of the Message-ID */
		uint8_t ident[KEY_LEN];	 /* of From, Date, Subject: for mail without Message-ID */
		uint8_t fields[KEY_LEN]; /* of From, To, Cc, Date, Subject, Message-ID */
	} keys;
	uint8_t essence[KEY_LEN]; /* of all header fields but transport and store ones */
};

/* Copy what a source has set (locator, keywords, UIDL) into another arena. 0, or -1 when out of
 * memory. */
int message_keep_texts(struct message *m, struct arena *a);

#endif
