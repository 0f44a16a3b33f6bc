/*
 * IMAP system flags (RFC 3501 2.3.2), keywords, and how the local stores spell
 * them: Status/X-Status, X-Mozilla-Status, X-Evolution, maildir info letters.
 */
#ifndef MAILHOIST_MESSAGE_FLAGS_H
#define MAILHOIST_MESSAGE_FLAGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum {
	FLAG_SEEN = 1,
	FLAG_ANSWERED = 2,
	FLAG_FLAGGED = 4,
	FLAG_DELETED = 8,
	FLAG_DRAFT = 16,
	FLAG_ALL = 31,
};

#define KEYWORDS_MAX 64 /* of one message; Thunderbird users rarely have ten */

/* Flags and keywords of a message. The texts belong to an arena. */
struct flag_set {
	uint32_t system; /* FLAG_* */
	size_t n_keywords;
	const char *keywords[KEYWORDS_MAX];
};

/* "\\Seen" and so on for exactly one FLAG_* bit; NULL otherwise. */
const char *flag_name(uint32_t bit);

/* The bit of a system flag's name, case-insensitively ("\\Seen"); 0 when it is none. */
uint32_t flag_from_name(struct slice name);

/* Add a keyword unless it is there already (ASCII case-insensitively). False when the set is
 * full or memory is out: the keyword is then dropped and the caller reports it. */
bool flag_set_add_keyword(struct flag_set *set, struct arena *a, struct slice keyword);

/* Values of "Status:" (R, O, D) and "X-Status:" (A, F, T, D). */
uint32_t flags_from_status(struct slice value);
uint32_t flags_from_x_status(struct slice value);

/* Bits of "X-Mozilla-Status:" (nsMsgMessageFlags.idl). */
enum {
	MOZ_READ = 0x0001,
	MOZ_REPLIED = 0x0002,
	MOZ_MARKED = 0x0004,
	MOZ_EXPUNGED = 0x0008,
	MOZ_FEED = 0x0040,
	MOZ_PARTIAL = 0x0400,
	MOZ_QUEUED = 0x0800,
	MOZ_FORWARDED = 0x1000,
};
/* X-Mozilla-Status2 bits */
enum {
	MOZ2_IMAP_DELETED = 0x00200000,
	MOZ2_MDN_SENT = 0x00800000,
	MOZ2_LABELS = 0x0E000000,
};
/* System flags and keywords ($Forwarded, $MDNSent, $label1..5) of the two words. */
void flags_from_mozilla(struct flag_set *set, struct arena *a, uint32_t status, uint32_t status2);

/* The flags half (FFFF) of "X-Evolution: UUUUUUUU-FFFF" (camel-message-info.h). */
void flags_from_evolution(struct flag_set *set, struct arena *a, uint32_t bits);

/* Split blank-separated keywords (X-Keywords, X-Mozilla-Keys) into the set. */
void flags_add_keywords(struct flag_set *set, struct arena *a, struct slice value);

/* Letters behind "2," in a maildir file name. Letters a..z are looked up in dovecot_keywords[26]
 * (NULL entries and unknown letters are ignored). `P` is $Forwarded. */
void flags_from_maildir(struct flag_set *set, struct arena *a, struct slice letters,
			const char *const dovecot_keywords[26]);

#endif
