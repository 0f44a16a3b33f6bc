/*
 * The small pieces of IMAP's grammar (RFC 3501 9) that all our own readers share:
 * atoms, strings, numbers, and skipping a value whatever it is. A cursor runs over
 * one response that the framer has cut; it can run over nothing else.
 */
#ifndef MAILHOIST_IMAP_LEXER_H
#define MAILHOIST_IMAP_LEXER_H

#include "base/buf.h"
#include "base/slice.h"

#define NESTING_MAX 100 /* parentheses; RFC 3501 data nest as deep as mail is hostile */

struct lexer {
	const char *at, *end;
};

enum token_kind { TOKEN_NIL, TOKEN_ATOM, TOKEN_QUOTED, TOKEN_LITERAL };
struct token {
	enum token_kind kind;
	struct slice bytes; /* for TOKEN_QUOTED with its escapes */
	bool escaped;	    /* has escapes */
};

static inline struct lexer lexer_of(struct slice s)
{
	return (struct lexer){ s.ptr, s.ptr + s.len };
}

static inline struct slice lexer_rest(const struct lexer *l)
{
	return slice_of(l->at, (size_t)(l->end - l->at));
}

/* Skip blanks. */
static inline void lex_blanks(struct lexer *l)
{
	while (l->at < l->end && *l->at == ' ')
		l->at++;
}

/* Skip `c` if it is next. */
static inline bool lex_char(struct lexer *l, char c)
{
	if (l->at == l->end || *l->at != c)
		return false;
	l->at++;
	return true;
}

/* A run of octets other than blanks, parentheses and quotes; brackets belong to it together with
 * all they enclose ("BODY[HEADER.FIELDS (DATE)]<0>"). False when there is none. */
bool lex_word(struct lexer *l, struct slice *out);

/* A run of octets other than blanks, parentheses and quotes: what stands where a value may. */
bool lex_atom(struct lexer *l, struct slice *out);

/* Atom, quoted string, literal or NIL. */
bool lex_token(struct lexer *l, struct token *out);

/* The content of a token: of quoted strings the escapes are undone in `scratch` (which the slice
 * then points into). */
struct slice token_text(const struct token *t, struct buf *scratch);

/* Decimal number. */
bool lex_number(struct lexer *l, uint64_t *out);
bool lex_number32(struct lexer *l, uint32_t *out);

/* One value of any kind, nested up to NESTING_MAX. */
bool lex_skip(struct lexer *l);

#endif
