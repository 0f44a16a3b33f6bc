/*
 * Atoms, strings, numbers. See lexer.h.
 */
#include "imap/lexer.h"

#include <string.h>

/* What ends a word, and the bracket that begins a section: this is the inner loop of the index. */
static const bool special[256] = {
	[' '] = true,  ['('] = true,  [')'] = true, ['"'] = true,
	['\r'] = true, ['\n'] = true, ['['] = true,
};

/* Behind a '[': skip to behind its ']'. Quoted header names may stand inside. */
static bool skip_section(struct lexer *l)
{
	bool quoted = false;

	for (; l->at < l->end; l->at++) {
		if (*l->at == '"')
			quoted = !quoted;
		else if (*l->at == ']' && !quoted) {
			l->at++;
			return true;
		}
	}
	return false;
}

bool lex_word(struct lexer *l, struct slice *out)
{
	const char *start = l->at;

	for (;;) {
		while (l->at < l->end && !special[(unsigned char)*l->at])
			l->at++;
		if (l->at == l->end || *l->at != '[')
			break;
		l->at++;
		if (!skip_section(l))
			return false;
	}
	*out = slice_of(start, (size_t)(l->at - start));
	return out->len > 0;
}

/* Behind the opening quote. */
static bool quoted(struct lexer *l, struct token *out)
{
	const char *start = l->at;

	out->kind = TOKEN_QUOTED;
	out->escaped = false;
	for (; l->at < l->end; l->at++) {
		if (*l->at == '\\' && l->at + 1 < l->end) {
			out->escaped = true;
			l->at++;
		} else if (*l->at == '"') {
			out->bytes = slice_of(start, (size_t)(l->at - start));
			l->at++;
			return true;
		}
	}
	return false;
}

/* Behind the '{'. */
static bool literal(struct lexer *l, struct token *out)
{
	uint64_t len;

	if (!lex_number(l, &len) || !lex_char(l, '}'))
		return false;
	(void)lex_char(l, '\r');
	if (!lex_char(l, '\n') || len > (uint64_t)(l->end - l->at))
		return false;
	*out = (struct token){ TOKEN_LITERAL, slice_of(l->at, (size_t)len), false };
	l->at += len;
	return true;
}

/* A '[' is an octet like others here: a folder or a keyword may be called "a[". */
bool lex_atom(struct lexer *l, struct slice *out)
{
	const char *start = l->at;

	while (l->at < l->end && (!special[(unsigned char)*l->at] || *l->at == '['))
		l->at++;
	*out = slice_of(start, (size_t)(l->at - start));
	return out->len > 0;
}

bool lex_token(struct lexer *l, struct token *out)
{
	if (l->at == l->end)
		return false;
	if (lex_char(l, '"'))
		return quoted(l, out);
	if (*l->at == '~' && l->at + 1 < l->end && l->at[1] == '{') /* literal8, RFC 3516 */
		l->at++;
	if (lex_char(l, '{'))
		return literal(l, out);
	if (!lex_atom(l, &out->bytes))
		return false;
	out->kind = slice_ieq(out->bytes, SLICE_LIT("NIL")) ? TOKEN_NIL : TOKEN_ATOM;
	out->escaped = false;
	if (out->kind == TOKEN_NIL)
		out->bytes = slice_of(l->at, 0);
	return true;
}

struct slice token_text(const struct token *t, struct buf *scratch)
{
	if (!t->escaped)
		return t->bytes;
	buf_reset(scratch);
	for (size_t i = 0; i < t->bytes.len; i++) {
		if (t->bytes.ptr[i] == '\\' && i + 1 < t->bytes.len)
			i++;
		buf_addc(scratch, t->bytes.ptr[i]);
	}
	return buf_slice(scratch);
}

bool lex_number(struct lexer *l, uint64_t *out)
{
	const char *start = l->at;
	uint64_t value = 0;

	for (; l->at < l->end && *l->at >= '0' && *l->at <= '9'; l->at++) {
		if (value > (UINT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (uint64_t)(*l->at - '0');
	}
	if (l->at == start)
		return false;
	*out = value;
	return true;
}

bool lex_number32(struct lexer *l, uint32_t *out)
{
	uint64_t value;

	if (!lex_number(l, &value) || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

bool lex_skip(struct lexer *l)
{
	struct token token;
	int depth = 0;

	do {
		lex_blanks(l);
		if (lex_char(l, '(')) {
			if (++depth > NESTING_MAX)
				return false;
		} else if (depth > 0 && lex_char(l, ')')) {
			depth--;
		} else if (!lex_token(l, &token)) {
			return false;
		}
	} while (depth > 0);
	return true;
}
