/*
 * Dates as mail writes them. One reader serves RFC 5322 3.3 and 4.3, ctime and
 * its many variants (mail-stores.md 3.1) and ISO 8601: what a piece means is told
 * by its looks (a weekday, a month, a time with its colons, a zone), not by its
 * place, for the writers agree on the pieces and not on their order.
 *
 * It reads in two tempers. A Date or Received field was meant to be a date: junk
 * before it (a weekday in another language) and behind it is passed over. A From_
 * line may be a line of somebody's text, and taking it for a separator would cut
 * a message in two: there, everything from the weekday to the end of the line must
 * belong to the date.
 */
#include "message/date.h"

#include <assert.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* No writer's date or From_ line comes near this; it bounds the work on hostile ones. */
#define DATE_TEXT_MAX 1000

/* Before this, a year is a program's zero (0001 .NET, 1601 Windows), not a date of mail. */
#define YEAR_FIRST 1900
#define YEAR_LAST  9999

enum { UNSET = -1 };
enum half { HALF_NONE, HALF_AM, HALF_PM };

struct reading {
	struct slice rest;
	bool strict; /* a From_ line */
	bool begun;  /* a word or number was met */
	bool has_weekday, has_time, has_zone, zone_is_offset, has_unknown_zone;
	int year, month, day; /* or UNSET */
	int hour, minute, second;
	enum half half;
	int zone; /* minutes east of Greenwich */
};

/* What became of the next piece. */
enum piece { PIECE_TAKEN, PIECE_ALIEN, PIECE_IMPOSSIBLE };

/* ---- characters ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 8-bit octets count as letters: they are weekdays in other languages. */
static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80;
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static char char_at(struct slice s, size_t i)
{
	return i < s.len ? s.ptr[i] : '\0';
}

static size_t run_length(struct slice s, bool (*fits)(char))
{
	size_t n = 0;

	while (n < s.len && fits(s.ptr[n]))
		n++;
	return n;
}

/* The length of the comment that `s` begins with; comments nest (RFC 5322 3.2.2). */
static size_t comment_length(struct slice s)
{
	size_t depth = 0, i = 0;

	do {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '(')
			depth++;
		else if (s.ptr[i] == ')')
			depth--;
		i++;
	} while (i < s.len && depth > 0);
	return i;
}

static void skip_blanks_and_comments(struct slice *s)
{
	for (;;) {
		*s = slice_from(*s, run_length(*s, is_blank));
		if (char_at(*s, 0) != '(')
			return;
		*s = slice_from(*s, comment_length(*s));
	}
}

static int number(struct slice digits)
{
	int n = 0;

	for (size_t i = 0; i < digits.len; i++)
		n = n * 10 + (digits.ptr[i] - '0');
	return n;
}

/* ---- words ---- */

/* Looked at before whole names are compared: a date costs half as much. */
static bool same_initial(const char *name, struct slice word)
{
	return word.len > 0 && (name[0] | 0x20) == (word.ptr[0] | 0x20);
}

/* The number of the name that `word` is, or begins with three letters at least; or UNSET. */
static int name_index(const char *const *names, size_t n, struct slice word)
{
	if (word.len < 3)
		return UNSET;
	for (size_t i = 0; i < n; i++)
		if (same_initial(names[i], word) && slice_istarts(slice_str(names[i]), word))
			return (int)i;
	return UNSET;
}

static bool is_weekday(struct slice word)
{
	static const char *const names[] = { "Sunday",	 "Monday", "Tuesday", "Wednesday",
					     "Thursday", "Friday", "Saturday" };

	return name_index(names, COUNT(names), word) != UNSET;
}

static int month_number(struct slice word)
{
	static const char *const names[] = { "January",	  "February", "March",	  "April",
					     "May",	  "June",     "July",	  "August",
					     "September", "October",  "November", "December" };
	int i = name_index(names, COUNT(names), word);

	return i == UNSET ? UNSET : i + 1;
}

/* The obsolete zones of RFC 5322 4.3 and those that writers of From_ lines use. Names with more
 * than one meaning (IST: India, Israel, Ireland) are left out: unknown counts as UTC. */
static const struct zone {
	const char *name;
	int16_t hours, minutes;
} zones[] = {
	{ "UT", 0, 0 },	    { "GMT", 0, 0 },   { "UTC", 0, 0 },	   { "Z", 0, 0 },
	{ "WET", 0, 0 },    { "BST", 1, 0 },   { "WEST", 1, 0 },   { "WETDST", 1, 0 },
	{ "CET", 1, 0 },    { "MET", 1, 0 },   { "MEZ", 1, 0 },	   { "CEST", 2, 0 },
	{ "CETDST", 2, 0 }, { "MEST", 2, 0 },  { "MESZ", 2, 0 },   { "METDST", 2, 0 },
	{ "EET", 2, 0 },    { "SAST", 2, 0 },  { "EEST", 3, 0 },   { "EETDST", 3, 0 },
	{ "EAT", 3, 0 },    { "MSK", 3, 0 },   { "MSD", 4, 0 },	   { "PKT", 5, 0 },
	{ "HKT", 8, 0 },    { "SGT", 8, 0 },   { "AWST", 8, 0 },   { "JST", 9, 0 },
	{ "KST", 9, 0 },    { "ACST", 9, 30 }, { "ACDT", 10, 30 }, { "AEST", 10, 0 },
	{ "AEDT", 11, 0 },  { "NZST", 12, 0 }, { "NZDT", 13, 0 },  { "NST", -3, -30 },
	{ "NDT", -2, -30 }, { "AST", -4, 0 },  { "ADT", -3, 0 },   { "BRT", -3, 0 },
	{ "BRST", -2, 0 },  { "ART", -3, 0 },  { "EST", -5, 0 },   { "EDT", -4, 0 },
	{ "CST", -6, 0 },   { "CDT", -5, 0 },  { "MST", -7, 0 },   { "MDT", -6, 0 },
	{ "PST", -8, 0 },   { "PDT", -7, 0 },  { "AKST", -9, 0 },  { "AKDT", -8, 0 },
	{ "HST", -10, 0 },
};

static const struct zone *find_zone(struct slice word)
{
	for (size_t i = 0; i < COUNT(zones); i++)
		if (same_initial(zones[i].name, word) && slice_ieq(word, slice_str(zones[i].name)))
			return &zones[i];
	return NULL;
}

/* A zone's name that we do not know: in capitals, as all of them are. */
static bool looks_like_zone(struct slice word)
{
	return word.len <= 6 && run_length(word, is_upper) == word.len;
}

static bool has_date(const struct reading *r)
{
	return r->day != UNSET && r->month != UNSET && r->year != UNSET;
}

static enum piece take_zone_name(struct reading *r, struct slice word)
{
	const struct zone *zone = find_zone(word);

	if (zone != NULL) {
		if (!r->has_zone) /* "+0200 CEST": the number is right in any case */
			r->zone = zone->hours * 60 + zone->minutes;
		r->has_zone = true;
		return PIECE_TAKEN;
	}
	if (slice_ieq(word, SLICE_LIT("DST")) && r->has_zone) { /* "MET DST" */
		if (!r->zone_is_offset)
			r->zone += 60;
		return PIECE_TAKEN;
	}
	if (r->has_unknown_zone || !looks_like_zone(word))
		return PIECE_ALIEN;
	r->has_unknown_zone = true;
	return PIECE_TAKEN;
}

static enum piece take_half(struct reading *r, enum half half)
{
	if (r->half != HALF_NONE)
		return PIECE_IMPOSSIBLE;
	r->half = half;
	return PIECE_TAKEN;
}

static enum piece take_month(struct reading *r, int month)
{
	if (r->month != UNSET)
		return has_date(r) ? PIECE_ALIEN : PIECE_IMPOSSIBLE;
	r->month = month;
	return PIECE_TAKEN;
}

/* "remote from HOST", which UUCP mailers write behind the date, goes on to the line's end. */
static bool is_remote_from(struct slice at)
{
	return slice_istarts(at, SLICE_LIT("remote from "));
}

static enum piece take_word(struct reading *r)
{
	struct slice word = slice_head(r->rest, run_length(r->rest, is_letter));
	bool first = !r->begun;
	int month;

	if (r->strict && has_date(r) && is_remote_from(r->rest)) {
		r->rest = slice_from(r->rest, r->rest.len);
		return PIECE_TAKEN;
	}
	r->begun = true;
	r->rest = slice_from(r->rest, word.len);
	if (is_weekday(word) && !r->has_weekday) {
		r->has_weekday = true;
		return PIECE_TAKEN;
	}
	month = month_number(word);
	if (month != UNSET)
		return take_month(r, month);
	if (!r->has_time) {
		bool iso = has_date(r) && slice_ieq(word, SLICE_LIT("T"));

		return iso || (first && !r->strict) ? PIECE_TAKEN : PIECE_ALIEN;
	}
	if (slice_ieq(word, SLICE_LIT("AM")))
		return take_half(r, HALF_AM);
	if (slice_ieq(word, SLICE_LIT("PM")))
		return take_half(r, HALF_PM);
	return take_zone_name(r, word);
}

/* ---- numbers ---- */

/* One or two digits behind `at`, which must be `separator`; how long both are, or 0. */
static size_t more_time(struct slice at, char separator, int *out)
{
	struct slice digits = slice_from(at, 1);
	size_t n = run_length(digits, is_digit);

	if (char_at(at, 0) != separator || n < 1 || n > 2)
		return 0;
	*out = number(slice_head(digits, n));
	return n + 1;
}

/* "12:30:05", "12:30", "12:30:05.123"; "12.30.05" once the month is known, for before that it
 * may be a date. False if it is none. */
static bool take_time(struct reading *r, struct slice hour)
{
	char separator = char_at(r->rest, hour.len);
	struct slice at = slice_from(r->rest, hour.len);
	int minute = 0, second = 0;
	size_t n;

	if (r->has_time || hour.len > 2)
		return false;
	if (separator != ':' && (separator != '.' || r->month == UNSET || r->strict))
		return false;
	n = more_time(at, separator, &minute);
	if (n == 0)
		return false;
	at = slice_from(at, n);
	at = slice_from(at, more_time(at, separator, &second));
	if (separator == ':' && char_at(at, 0) == '.' && is_digit(char_at(at, 1)))
		at = slice_from(at, 1 + run_length(slice_from(at, 1), is_digit));

	r->hour = number(hour);
	r->minute = minute;
	r->second = second;
	r->has_time = true;
	r->rest = at;
	return true;
}

/* "2001-09-13" */
static bool take_iso_date(struct reading *r)
{
	struct slice at = r->rest;
	int month = 0, day = 0;
	size_t n;

	if (r->strict || r->year != UNSET || r->month != UNSET || r->day != UNSET)
		return false;
	at = slice_from(at, 4);
	n = more_time(at, '-', &month);
	if (n == 0)
		return false;
	at = slice_from(at, n);
	n = more_time(at, '-', &day);
	if (n == 0)
		return false;
	r->year = number(slice_head(r->rest, 4));
	r->month = month;
	r->day = day;
	r->rest = slice_from(at, n);
	return true;
}

/* RFC 5322 4.3: 00 to 49 is 20xx, 50 to 99 is 19xx, three digits count from 1900. */
static int full_year(struct slice digits)
{
	int year = number(digits);

	if (digits.len == 2)
		return year < 50 ? 2000 + year : 1900 + year;
	return digits.len == 3 ? 1900 + year : year;
}

static enum piece take_number(struct reading *r)
{
	size_t n = run_length(r->rest, is_digit);
	struct slice digits = slice_head(r->rest, n);

	r->begun = true;
	if (take_time(r, digits))
		return PIECE_TAKEN;
	if (n == 4 && take_iso_date(r))
		return PIECE_TAKEN;
	r->rest = slice_from(r->rest, n);
	if (char_at(r->rest, 0) == ':' || char_at(r->rest, 0) == '/')
		return has_date(r) ? PIECE_ALIEN : PIECE_IMPOSSIBLE;
	if (r->day == UNSET && n <= 2) {
		r->day = number(digits);
		return PIECE_TAKEN;
	}
	if (r->year == UNSET && n >= 2 && n <= 4) {
		r->year = full_year(digits);
		return PIECE_TAKEN;
	}
	return has_date(r) ? PIECE_ALIEN : PIECE_IMPOSSIBLE;
}

/* Minutes of "0200", "200", "2" and "02:00" (the sign is gone); false if it is no offset. */
static bool read_offset(struct slice *at, int *out)
{
	size_t n = run_length(*at, is_digit);
	int value = number(slice_head(*at, n < 5 ? n : 0)), minutes = 0;

	if (n < 1 || n > 4)
		return false;
	*at = slice_from(*at, n);
	if (n <= 2) {
		*at = slice_from(*at, more_time(*at, ':', &minutes));
		*out = value * 60 + minutes;
	} else {
		*out = value / 100 * 60 + value % 100;
	}
	return true;
}

/* A '+' or '-': of a zone once the time is known, else it stands between the parts of a date. */
static enum piece take_sign(struct reading *r)
{
	int sign = char_at(r->rest, 0) == '-' ? -1 : 1;
	int offset = 0;

	r->rest = slice_from(r->rest, 1);
	if (!r->has_time)
		return sign < 0 && r->begun ? PIECE_TAKEN : PIECE_ALIEN;
	if (r->zone_is_offset || !read_offset(&r->rest, &offset))
		return PIECE_ALIEN;
	r->zone = sign * offset;
	r->has_zone = r->zone_is_offset = true;
	return PIECE_TAKEN;
}

static enum piece take_mark(struct reading *r)
{
	char c = char_at(r->rest, 0);

	r->rest = slice_from(r->rest, 1);
	if (c == ',')
		return PIECE_TAKEN;
	return !r->strict && (c == '.' || c == '\'' || c == '"') ? PIECE_TAKEN : PIECE_ALIEN;
}

/* ---- dates ---- */

static enum piece take_piece(struct reading *r)
{
	char c = char_at(r->rest, 0);

	if (is_letter(c))
		return take_word(r);
	if (is_digit(c))
		return take_number(r);
	if (c == '+' || c == '-')
		return take_sign(r);
	return take_mark(r);
}

/* Take piece by piece. False when something stands there that a date does not have; behind a
 * date that need not be a From_ line's, that is its end. */
static bool read_pieces(struct reading *r)
{
	for (;;) {
		enum piece piece;

		skip_blanks_and_comments(&r->rest);
		if (r->rest.len == 0)
			return has_date(r);
		piece = take_piece(r);
		if (piece == PIECE_IMPOSSIBLE)
			return false;
		if (piece == PIECE_ALIEN)
			return !r->strict && has_date(r);
	}
}

static int64_t to_time(const struct reading *r)
{
	struct civil c = { r->year, r->month, r->day, r->hour, r->minute, r->second, 0 };

	if (r->half != HALF_NONE) {
		if (c.hour < 1 || c.hour > 12)
			return TIME_NONE;
		c.hour = c.hour % 12 + (r->half == HALF_PM ? 12 : 0);
	}
	if (c.year < YEAR_FIRST || c.year > YEAR_LAST || !civil_valid(&c))
		return TIME_NONE;
	return civil_to_time(&c) - (int64_t)r->zone * 60;
}

static struct reading reading_of(struct slice text, bool strict)
{
	struct reading r = { .rest = text, .strict = strict };

	r.year = r.month = r.day = UNSET;
	return r;
}

int64_t date_parse(struct slice text)
{
	struct reading r = reading_of(slice_head(text, DATE_TEXT_MAX), false);

	return read_pieces(&r) ? to_time(&r) : TIME_NONE;
}

/* A From_ line's date from its weekday on: nothing is missing and nothing follows. */
static int64_t parse_from_weekday(struct slice text, bool *zone_known)
{
	struct reading r = reading_of(text, true);
	int64_t t;

	if (!read_pieces(&r) || !r.has_weekday || !r.has_time)
		return TIME_NONE;
	t = to_time(&r);
	if (t != TIME_NONE)
		*zone_known = r.has_zone;
	return t;
}

static bool is_not_blank(char c)
{
	return !is_blank(c);
}

int64_t date_parse_from_line(struct slice text, bool *zone_known)
{
	if (text.len > DATE_TEXT_MAX)
		return TIME_NONE;
	for (;;) {
		int64_t t = TIME_NONE;

		text = slice_from(text, run_length(text, is_blank));
		if (text.len == 0)
			return TIME_NONE;
		if (is_weekday(slice_head(text, run_length(text, is_letter))))
			t = parse_from_weekday(text, zone_known);
		if (t != TIME_NONE)
			return t;
		text = slice_from(text, run_length(text, is_not_blank));
	}
}

/* Position of the last ';' that no comment holds, or -1. */
static ptrdiff_t last_semicolon(struct slice value)
{
	ptrdiff_t found = -1;
	size_t i = 0;

	while (i < value.len) {
		if (value.ptr[i] == '(') {
			i += comment_length(slice_from(value, i));
			continue;
		}
		if (value.ptr[i] == ';')
			found = (ptrdiff_t)i;
		i++;
	}
	return found;
}

static ptrdiff_t last_semicolon_anywhere(struct slice value)
{
	size_t i = value.len;

	while (i > 0 && value.ptr[i - 1] != ';')
		i--;
	return (ptrdiff_t)i - 1;
}

static int64_t parse_behind(struct slice value, ptrdiff_t semicolon)
{
	if (semicolon < 0)
		return TIME_NONE;
	return date_parse(slice_from(value, (size_t)semicolon + 1));
}

int64_t date_parse_received(struct slice value)
{
	int64_t t = parse_behind(value, last_semicolon(value));

	/* A comment that is never closed hides the date: "(HELO x; Thu, 13 Sep ..." */
	if (t == TIME_NONE)
		t = parse_behind(value, last_semicolon_anywhere(value));
	return t;
}

int64_t date_clamp(int64_t t, int64_t now, bool *clamped)
{
	int64_t last = now < INTERNALDATE_MAX ? now : INTERNALDATE_MAX;

	if (now < CLOCK_EARLIEST)
		last = INTERNALDATE_MAX;
	*clamped = t < INTERNALDATE_MIN || t > last;
	if (t < INTERNALDATE_MIN)
		return INTERNALDATE_MIN;
	return t > last ? last : t;
}

/* ---- IMAP ---- */

static const char imap_months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static void put_digits(char *at, int n, int digits)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + n % 10);
		n /= 10;
	}
}

void date_format_imap(char buf[29], int64_t t)
{
	static const char form[29] = "\"00-Mon-0000 00:00:00 +0000\"";
	struct civil c = civil_from_time(t);

	assert(c.year >= 0 && c.year <= YEAR_LAST); /* callers clamp */
	for (size_t i = 0; i < sizeof(form); i++)
		buf[i] = form[i];
	put_digits(buf + 1, c.day, 2);
	for (int i = 0; i < 3; i++)
		buf[4 + i] = imap_months[(c.month - 1) * 3 + i];
	put_digits(buf + 8, c.year, 4);
	put_digits(buf + 13, c.hour, 2);
	put_digits(buf + 16, c.minute, 2);
	put_digits(buf + 19, c.second, 2);
}

/* "13-Sep-2001 12:30:05 +0000": '0' in the form stands for a digit, 'M' for a letter, '+' for a
 * sign. A one-digit day has a blank before it. */
static bool fits_form(struct slice text)
{
	static const char form[] = "00-MMM-0000 00:00:00 +0000";

	if (text.len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool fits = c == form[i];

		if (form[i] == '0')
			fits = is_digit(c) || (i == 0 && c == ' ');
		else if (form[i] == 'M')
			fits = is_letter(c);
		else if (form[i] == '+')
			fits = c == '+' || c == '-';
		if (!fits)
			return false;
	}
	return true;
}

static int number_at(struct slice text, size_t at, size_t digits)
{
	return number(slice_head(slice_from(text, at), digits));
}

int64_t date_parse_imap(struct slice text)
{
	struct civil c = { 0 };
	int zone;

	if (text.len == 25 && is_digit(text.ptr[0]) && text.ptr[1] == '-') { /* "3-Sep-2001 ..." */
		char padded[26];

		padded[0] = ' ';
		for (size_t i = 0; i < text.len; i++)
			padded[i + 1] = text.ptr[i];
		return date_parse_imap(slice_of(padded, sizeof(padded)));
	}
	if (!fits_form(text))
		return TIME_NONE;
	c.day = text.ptr[0] == ' ' ? number_at(text, 1, 1) : number_at(text, 0, 2);
	c.month = month_number(slice_head(slice_from(text, 3), 3));
	c.year = number_at(text, 7, 4);
	c.hour = number_at(text, 12, 2);
	c.minute = number_at(text, 15, 2);
	c.second = number_at(text, 18, 2);
	zone = number_at(text, 22, 2) * 60 + number_at(text, 24, 2);
	if (!civil_valid(&c))
		return TIME_NONE;
	return civil_to_time(&c) - (int64_t)(text.ptr[21] == '-' ? -zone : zone) * 60;
}
