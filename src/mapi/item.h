/*
 * What an Outlook store says about one item, as plain values: the interface
 * between the readers of such stores (pst/) and everything that makes something
 * of an item (mime/: a message; a contact; an appointment). Knows neither the
 * file format nor MIME.
 *
 * Names are those of MS-OXPROPS. Small values lie in the arena given to the
 * reader; whatever can be large is a struct mapi_blob and is read in pieces.
 * All texts are UTF-8 without NUL, CR and LF kept as stored; lone surrogates and
 * octets that no charset explains have become U+FFFD (and set a DEGRADED bit).
 */
#ifndef MAILHOIST_MAPI_ITEM_H
#define MAILHOIST_MAPI_ITEM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An absent number; an absent FILETIME is 0. */
#define MAPI_NONE INT32_MIN

/* Bytes that may be too many for memory. Valid until the reader's next item. */
struct mapi_blob {
	uint64_t len; /* 0: absent or empty */
	/* Up to `want` bytes from offset `off`: 0 and *got (less than wanted only at the end), or
	 * -1 with SCOPE_MESSAGE. Reading on from where the last call ended is cheap. */
	int (*read)(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		    struct err *err);
	const void *reader; /* the implementation's */
	uint64_t handle[2]; /* the implementation's */
};

/* What a report of delivery says of one recipient: only in the rows of such items. */
struct mapi_delivery {
	int32_t status; /* PidTagNonDeliveryReportStatusCode: 511 for 5.1.1; 0 unknown */
	bool diagnosed;
	int32_t diagnostic;	/* PidTagNonDeliveryReportDiagCode, if diagnosed */
	const char *remote_mta; /* PidTagRemoteMessageTransferAgent */
	const char *info;	/* PidTagSupplementaryInfo */
};

/* One person, from a recipient row or from the sender properties. NULL: absent. */
struct mapi_person {
	int type;	       /* PidTagRecipientType, low nibble: 1 To, 2 Cc, 3 Bcc; 0 unknown */
	const char *name;      /* PidTagDisplayName */
	const char *addr_type; /* PidTagAddressType: "SMTP", "EX", ... */
	const char *address;   /* PidTagEmailAddress: an X.500 DN where the type is EX */
	const char *smtp;      /* PidTagSmtpAddress, PidTagSenderSmtpAddress, ... */
	struct slice entry_id; /* PidTagEntryId: a one-off entry id holds type and address */
	struct mapi_delivery delivery;
};

enum mapi_attach_method {
	MAPI_ATTACH_NONE = 0,
	MAPI_ATTACH_BY_VALUE = 1,
	MAPI_ATTACH_BY_REFERENCE = 2,
	MAPI_ATTACH_BY_REF_RESOLVE = 3,
	MAPI_ATTACH_BY_REF_ONLY = 4,
	MAPI_ATTACH_EMBEDDED = 5,
	MAPI_ATTACH_OLE = 6,
	MAPI_ATTACH_BY_WEB_REFERENCE = 7,
};

struct mapi_attachment {
	uint32_t number;       /* PidTagAttachNumber, or the row's place */
	int32_t method;	       /* enum mapi_attach_method, or what the store says */
	int32_t flags;	       /* PidTagAttachFlags: 4 = rendered in the body */
	bool hidden;	       /* PidTagAttachmentHidden */
	const char *long_name; /* PidTagAttachLongFilename */
	const char *name;      /* PidTagAttachFilename (8.3) */
	const char *display_name;
	const char *extension;
	const char *path_name; /* PidTagAttachLongPathname or PidTagAttachPathname: references */
	const char *mime_type; /* PidTagAttachMimeTag */
	const char *content_id, *content_location;
	int32_t size;		    /* PidTagAttachSize as the store says, or MAPI_NONE */
	int64_t rendering;	    /* PidTagRenderingPosition, or -1 */
	uint64_t created, modified; /* FILETIME */
	struct mapi_blob data;	    /* by value, OLE: PidTagAttachDataBinary / ...Object */
	bool missing;		    /* the store has lost (part of) the data */
	/* MAPI_ATTACH_EMBEDDED: handed to item_ops.embedded() */
	uint64_t embedded[3];
};

/* A named property that is of interest to nobody in particular, by its string name or LID. */
enum mapi_set {
	MAPI_SET_OTHER,
	MAPI_SET_PUBLIC_STRINGS,
	MAPI_SET_INTERNET_HEADERS,
	MAPI_SET_COMMON,
	MAPI_SET_APPOINTMENT,
	MAPI_SET_MEETING,
	MAPI_SET_ADDRESS,
	MAPI_SET_TASK,
	MAPI_SET_NOTE
};

enum mapi_value_type {
	MAPI_ABSENT,
	MAPI_INTEGER,
	MAPI_BOOLEAN,
	MAPI_TIME,
	MAPI_DOUBLE,
	MAPI_TEXT,
	MAPI_BINARY,
	MAPI_TEXTS,
	MAPI_BINARIES
};

struct mapi_value {
	enum mapi_value_type type;
	int64_t integer; /* integer, boolean; FILETIME of a time */
	double real;
	struct slice bytes; /* text (UTF-8, NUL-terminated behind its end) or binary */
	const char **texts; /* MAPI_TEXTS */
	size_t n_texts;
	const struct slice *binaries; /* MAPI_BINARIES */
	size_t n_binaries;
};

/* What the reader had to put up with: bits, each named in the fidelity report. */
enum mapi_degraded {
	MAPI_DEGRADED_CHARSET = 1u << 0, /* code page unknown or guessed, or octets undecodable */
	MAPI_DEGRADED_BLOCK = 1u << 1,	 /* a block missing or with a bad checksum: text cut short
					    (also:   something follows the NUL that ends a body) */
	MAPI_DEGRADED_RECIPIENTS = 1u << 2,  /* the recipient table is damaged */
	MAPI_DEGRADED_ATTACHMENTS = 1u << 3, /* the attachment table is damaged */
	MAPI_DEGRADED_SURROGATE = 1u << 4,   /* lone surrogates in a text */
};

struct mapi_item;

/* What can be asked of an item beyond its plain values. Implemented by the reader. */
struct mapi_item_ops {
	/* 1 and a recipient / attachment in row order, 0 at the end, -1 (damaged: SCOPE_MESSAGE).
	 * Rows are numbered from 0; asking in order is cheap. Texts belong to `a`. */
	int (*recipient)(const struct mapi_item *item, size_t row, struct arena *a,
			 struct mapi_person *out, struct err *err);
	int (*attachment)(const struct mapi_item *item, size_t row, struct arena *a,
			  struct mapi_attachment *out, struct err *err);
	/* The message inside a MAPI_ATTACH_EMBEDDED. Depth is the reader's to limit (ERR_LIMIT). */
	int (*embedded)(const struct mapi_item *item, const struct mapi_attachment *attachment,
			struct arena *a, struct mapi_item *out, struct err *err);
	/* Any property by its tag's id (0x0001-0x7FFF): false and MAPI_ABSENT if it is not there or
	 * is larger than 64 KiB. */
	bool (*property)(const struct mapi_item *item, uint16_t id, struct arena *a,
			 struct mapi_value *out);
	/* A named property, by LID or (name != NULL) by its string name (case ignored). */
	bool (*named)(const struct mapi_item *item, enum mapi_set set, uint32_t lid,
		      const char *name, struct arena *a, struct mapi_value *out);
};

struct mapi_item {
	const struct mapi_item_ops *ops;
	const void *reader; /* the implementation's */
	uint64_t handle[4]; /* the implementation's */

	/* Who it is. */
	uint8_t store_uid[16];	   /* PidTagRecordKey of the store */
	uint32_t nid;		   /* of the node, or subnode (embedded) */
	struct slice search_key;   /* PidTagSearchKey */
	const char *message_class; /* PidTagMessageClass; "" where absent */
	unsigned depth;		   /* 0, or how deep it is embedded */

	/* Header. NULL: absent. */
	const char *subject;		/* PidTagSubject without the two-character prefix mark */
	const char *message_id;		/* PidTagInternetMessageId */
	const char *in_reply_to;	/* PidTagInReplyToId */
	const char *references;		/* PidTagInternetReferences */
	struct mapi_person sender;	/* PidTagSender* */
	struct mapi_person from;	/* PidTagSentRepresenting* */
	struct mapi_person received_by; /* PidTagReceivedBy*: whose mailbox it came to */
	const char *reply_to_names;	/* PidTagReplyRecipientNames */
	struct slice reply_to_entries;	/* PidTagReplyRecipientEntries: FLATENTRYLIST */
	const char *display_to, *display_cc, *display_bcc;
	const char *conversation_topic;
	struct slice conversation_index;
	struct mapi_blob transport_headers; /* PidTagTransportMessageHeaders as UTF-8 bytes */

	/* Times: FILETIME (100 ns since 1601 UTC), 0 = absent. */
	uint64_t submitted, delivered, created, modified;

	/* State. MAPI_NONE: absent. Test bits, never equality. */
	int32_t flags;	     /* PidTagMessageFlags */
	int32_t status;	     /* PidTagMessageStatus: 0x1000 header only */
	int32_t last_verb;   /* PidTagLastVerbExecuted: 102, 103 replied, 104 forwarded */
	int32_t icon;	     /* PidTagIconIndex */
	int32_t flag_status; /* PidTagFlagStatus: 1 done, 2 flagged */
	int32_t importance, priority, sensitivity;
	bool header_only;	 /* PidLidHeaderItem set, or status & 0x1000 */
	const char **categories; /* PS_PUBLIC_STRINGS "Keywords" */
	size_t n_categories;

	/* Bodies. */
	int32_t native_body;	    /* PidTagNativeBody: 1 text, 2 RTF, 3 HTML, 4 clear-signed */
	int32_t internet_code_page; /* PidTagInternetCodepage */
	int32_t message_code_page;  /* PidTagMessageCodepage */
	struct mapi_blob text;	    /* PidTagBody as UTF-8 bytes (converted by the reader) */
	struct mapi_blob html;	    /* PidTagBodyHtml or PidTagHtml: bytes as stored ... */
	bool html_is_utf8;	    /* ... unless it was a Unicode text property: then UTF-8 */
	struct mapi_blob rtf;	    /* PidTagRtfCompressed: as stored, still compressed */

	uint32_t degraded; /* enum mapi_degraded */
};

#endif
