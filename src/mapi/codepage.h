/*
 * Windows code pages (MS-UCODEREF): what an 8-bit text of an Outlook item is
 * written in, by number; their names in MIME and for iconv(3), and conversion to
 * UTF-8. Converters are loaded before a process locks itself in: iconv_open(3)
 * reads files.
 */
#ifndef MAILHOIST_MAPI_CODEPAGE_H
#define MAILHOIST_MAPI_CODEPAGE_H

#include "base/buf.h"

#define CODEPAGE_ASCII	 20127
#define CODEPAGE_UTF8	 65001
#define CODEPAGE_WINDOWS 1252 /* what is assumed where nothing is said */

/* The preferred MIME name ("windows-1252", "iso-2022-jp"), or NULL: the code page has none, or is
 * unknown, and text in it has to be converted before it goes into a message. */
const char *codepage_charset(int cp);

/* Can text in it be converted? */
bool codepage_known(int cp);

/* The name iconv(3) knows it by, or NULL: unknown, or converted without iconv(3). */
const char *codepage_iconv(int cp);

/* The code page of a charset name (MIME's, iconv's, or a common alias; case ignored), or 0. */
int codepage_of_charset(struct slice name);

/* The Windows code page for the languages of another one (ISO-2022-JP: 932), or 0: none or many. */
int codepage_windows(int cp);

/* The ANSI code page of a Windows locale (LCID), or 0. */
int codepage_of_locale(uint32_t lcid);

/* Open converters. */
struct codepages;
struct codepages *codepages_new(void); /* NULL: out of memory */
void codepages_free(struct codepages *c);

/* Open a converter for every code page, so that nothing has to be opened later (about 10 ms).
 * Those that this system lacks are left out: their texts then count as undecodable. */
void codepages_load(struct codepages *c);

/* Append `in`, written in code page `cp`, as UTF-8. Returns 0, or 1 where something had to be
 * guessed: octets that the code page does not explain become U+FFFD; an unknown code page is taken
 * for UTF-8 if it is valid as such, else for windows-1252. */
int codepage_to_utf8(struct codepages *c, int cp, struct slice in, struct buf *out);

/* The same in pieces: `first` at the beginning of a text, `last` at its end. A character cut by the
 * end of a piece is left over: *used tells how much of `in` was taken. One text at a time. */
int codepage_convert(struct codepages *c, int cp, bool first, bool last, struct slice in,
		     struct buf *out, size_t *used);

#endif
