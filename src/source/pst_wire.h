/*
 * What the two halves of the PST source say to each other: pst_worker.c reads the
 * store in a locked-down process, pst.c believes nothing of what it hears. Payloads
 * are fields of worker/frame.h, in the order given here; texts are UTF-8 and cut to
 * the limits below by the worker, checked by the parent.
 *
 *   parent: SKIP* MAP* PAIR* OPEN       worker: HELLO, then STORE or ERROR
 *   parent: NEXT_FOLDER                 worker: FOLDER, FOLDERS_END or ERROR
 *   parent: SEEK_FOLDER                 worker: the same
 *   parent: ITEMS                       worker: an answer for each item, then ITEMS_END or ERROR
 *   parent: FETCH                       worker: the answer for this item
 *
 * The answer for an item: FAILED; OTHER, before it EXPORT, DATA*, END (or FAILED) where that was
 * asked for; or BEGIN, DATA*, END (or FAILED). AGAIN throws away the DATA so far. DAMAGE, PAIR and
 * ALIVE may stand anywhere.
 */
#ifndef MAILHOIST_SOURCE_PST_WIRE_H
#define MAILHOIST_SOURCE_PST_WIRE_H

#define PST_PROTOCOL 1

enum pst_frame {
	PST_SKIP = 1,	 /* u32 stage, u32 nid: an earlier worker died there */
	PST_MAP,	 /* raw: a piece of the user's address map */
	PST_PAIR,	 /* bytes X.500 name, bytes address: learned; both ways */
	PST_OPEN,	 /* u32 enum pst_wish */
	PST_NEXT_FOLDER, /* - */
	PST_SEEK_FOLDER, /* u32 nid */
	PST_ITEMS,	 /* u32 after, u32 enum role */
	PST_FETCH,	 /* u32 nid, u32 enum role of its folder */

	PST_HELLO = 32,	 /* u32 protocol, u32 Landlock version in force */
	PST_STORE,	 /* bytes uid, u32 enum pst_format, u8 password set, u8 Exchange cache */
	PST_ERROR,	 /* u32 err_code, u32 err_scope, text */
	PST_FOLDER,	 /* u32 nid, u32 role, u8 enum pst_folder_kind, u64 items, u64 stamp,
			  * u32 depth, depth texts */
	PST_FOLDERS_END, /* - */
	PST_BEGIN,	 /* u32 nid, bytes search key, text class, u8 arrival trusted, u64 arrival,
			  * u64 time of making, u8 partial, u8 feed, u32 flags, u8 keywords dropped,
			  * u32 n, n texts (keywords) */
	PST_DATA,	 /* raw */
	PST_AGAIN,	 /* - */
	PST_END,	 /* u64 octets, u32 enum fidelity */
	PST_FAILED,	 /* u32 nid, text class, text subject, text reason */
	PST_OTHER,	 /* u32 nid, u32 enum item_kind, text class */
	PST_EXPORT,	 /* u32 nid, u32 enum item_kind, text name */
	PST_ITEMS_END,	 /* - */
	PST_DAMAGE,	 /* u32 nid, u64 lost, text */
	PST_ALIVE,	 /* u32 nid: going up */
};

/* What is wished of an opened store. */
enum pst_wish {
	PST_WISH_LEARNED = 1u << 0, /* the PAIRs are all that can be learned */
	PST_WISH_EXPORT = 1u << 1,  /* contacts and appointments as files */
};

enum pst_folder_kind {
	PST_FOLDER_MAIL,
	PST_FOLDER_OTHER,   /* hidden, not for mail, or not below the user's folders: delivered only
			     * with mail in it */
	PST_FOLDER_ORPHANS, /* nothing in the store leads to it */
	PST_FOLDER_KINDS
};

/* Where a worker is, in struct worker_page. */
enum pst_stage {
	PST_STAGE_NONE,
	PST_STAGE_OPEN,	  /* loading the index */
	PST_STAGE_FOLDER, /* item: the folder before it */
	PST_STAGE_ITEM,	  /* item: the NID */
	PST_STAGE_LEARN,  /* item: the NID */
	PST_STAGE_IDLE,	  /* waits for a command */
};

#define PST_UID_LEN	 16
#define PST_KEY_LEN	 8 /* of a search key: enough to tell items apart */
#define PST_CLASS_MAX	 256
#define PST_NAME_MAX	 1024 /* of a folder */
#define PST_KEYWORD_MAX	 256
#define PST_SUBJECT_MAX	 256
#define PST_TEXT_MAX	 400 /* of a reason, a damage */
#define PST_ADDRESS_MAX	 2048
#define PST_DATA_MAX	 (64 << 10) /* of one DATA frame */
#define PST_MAP_FILE_MAX (4 << 20)  /* the user's address map */
#define PST_MESSAGE_MAX                                                                            \
	(UINT64_C(2) << 30) /* no server takes more; a hostile file could give more */

#endif
