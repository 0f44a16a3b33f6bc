/*
 * What a PST worker says, taken apart and checked: a frame becomes an event or an
 * error. Nothing of it is believed beyond its form; whether it comes in its place is
 * the caller's to check.
 */
#ifndef MAILHOIST_SOURCE_PST_EVENT_H
#define MAILHOIST_SOURCE_PST_EVENT_H

#include "source/pst_wire.h"
#include "source/source.h"
#include "worker/frame.h"

struct pst_event {
	enum pst_frame type;
	uint32_t nid;	   /* FOLDER, BEGIN, FAILED, OTHER, EXPORT, DAMAGE, ALIVE */
	const char *class; /* BEGIN, FAILED, OTHER: message class */
	const char *text;  /* FAILED, DAMAGE: what; EXPORT: name; PAIR: X.500 name */
	const char *more;  /* FAILED: subject; PAIR: address */
	struct slice data; /* DATA */
	struct err error;  /* ERROR: with a code and scope that a store may cause */

	/* HELLO */
	uint32_t protocol, landlock;
	/* STORE */
	uint8_t uid[PST_UID_LEN];
	bool password_set, exchange_cache;
	/* FOLDER */
	enum role role;
	enum pst_folder_kind kind;
	uint64_t items, stamp;
	struct folder_path path; /* one name at least, none of them empty */
	/* BEGIN */
	uint8_t key[PST_KEY_LEN]; /* of the search key; zeros behind a shorter one */
	struct flag_set flags;	  /* only what servers can store */
	bool flags_dropped;	  /* there were others */
	struct arrival arrival;
	bool partial, feed;
	/* END */
	uint64_t octets;
	uint32_t fidelity;
	/* OTHER, EXPORT */
	uint32_t other_kind; /* enum item_kind */
	/* DAMAGE */
	uint64_t lost;
};

/* Texts go to the arena; DATA stays where the frame is. -1: ERR_FORMAT, SCOPE_SOURCE. */
int pst_event_read(const struct frame *frame, struct arena *a, struct pst_event *out,
		   struct err *err);

#endif
