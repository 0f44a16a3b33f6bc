/*
 * RTF as Outlook stores it (MS-OXRTFEX): HTML or plain text wrapped into RTF, which
 * comes out as it went in, and RTF that was written as such, of which the text is
 * taken. The output is UTF-8.
 */
#ifndef MAILHOIST_MIME_RTF_H
#define MAILHOIST_MIME_RTF_H

#include "mime/lzfu.h"

#define RTF_DEPTH_MAX 128 /* groups; deeper ones share the state of the last */
#define RTF_FONTS_MAX 256
#define RTF_WORD_MAX  32 /* MS-OXRTFEX, RTF 1.9: a control word has at most 32 letters */

enum rtf_kind {
	RTF_NONE, /* no RTF at all */
	RTF_HTML, /* \fromhtml1 */
	RTF_TEXT, /* \fromtext */
	RTF_NATIVE,
};

enum rtf_token_kind { RTF_END, RTF_OPEN, RTF_CLOSE, RTF_WORD, RTF_SYMBOL, RTF_OCTET };

struct rtf_token {
	enum rtf_token_kind kind;
	char word[RTF_WORD_MAX + 1];
	bool has_number;
	int32_t number;
	uint8_t octet; /* of a symbol, of text (\'xx decoded) */
	bool escaped;  /* the octet was written as \'xx */
};

/* ---- tokens ---- */
struct rtf_scanner {
	struct reader *from;
	struct slice in;
	int back; /* one octet read too many, or -1 */
};
void rtf_scanner_start(struct rtf_scanner *s, struct reader *from);
void rtf_scanner_next(struct rtf_scanner *s, struct rtf_token *out);

/* ---- text ---- */
enum rtf_place { RTF_BODY, RTF_TAG, RTF_SKIPPED, RTF_FONT_TABLE };

struct rtf_group {
	enum rtf_place place;
	bool hidden; /* between \htmlrtf and \htmlrtf0 */
	int codepage;
	int skip_after_u; /* \uc */
};

struct rtf_reader {
	struct reader base;
	struct lzfu_reader lzfu;
	struct rtf_scanner scanner;
	struct codepages *codepages;
	enum rtf_kind kind;
	bool ended, star, guessed;
	bool first_word; /* the next word may name a destination */
	int skip;	 /* fallback characters still to be left out */
	uint32_t high;	 /* first half of a surrogate pair */
	int default_codepage;
	size_t depth, beyond; /* open groups; those deeper than RTF_DEPTH_MAX */
	struct rtf_group groups[RTF_DEPTH_MAX];
	int font; /* being defined in the font table */
	size_t n_fonts;
	struct {
		int number, codepage;
	} fonts[RTF_FONTS_MAX];
	size_t n_octets; /* of text, not yet converted */
	int octets_codepage;
	char octets[512];
	struct buf out;
};

/* What `blob` (compressed) holds. */
enum rtf_kind rtf_kind(struct rtf_reader *r, struct reader *blob);
/* The text, or HTML, of it. `base.damaged`: compressed data damaged; `guessed`: some octets are in
 * no charset we know. */
struct reader *rtf_reader_start(struct rtf_reader *r, struct reader *blob, enum rtf_kind kind,
				struct codepages *codepages);
void rtf_reader_release(struct rtf_reader *r);

#endif
