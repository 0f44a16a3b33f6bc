/*
 * message/date.c: dates of header fields, From_ lines, Received values and IMAP.
 */
#include <criterion/criterion.h>

#include "message/date.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

Test(date, fields)
{
	static const struct {
		const char *name, *in;
		int64_t want;
	} rows[] = {
		{ "RFC 5322", "Thu, 13 Sep 2001 12:30:05 +0200", 1000377005 },
		{ "no weekday", "13 Sep 2001 12:30:05 +0200", 1000377005 },
		{ "no seconds", "Thu, 13 Sep 2001 12:30 +0200", 1000377000 },
		{ "no time", "Thu, 13 Sep 2001", 1000339200 },
		{ "comment behind", "Thu, 13 Sep 2001 12:30:05 +0200 (CEST)", 1000377005 },
		{ "comments everywhere", "(a) Thu (b), 13 (c (d\\) e)) Sep(f)2001 12:30:05(g)+0200",
		  1000377005 },
		{ "comment never closed", "Thu, 13 Sep 2001 12:30:05 +0200 (CEST", 1000377005 },
		{ "zone in a comment before the offset", "Wed, 20 Sep 1995 00:19:00 (EDT) -0400",
		  811570740 },
		{ "folded", "Thu,\r\n\t13 Sep 2001\r\n 12:30:05 +0200", 1000377005 },
		{ "blanks around", "  Thu, 13 Sep 2001 12:30:05 +0200 \r\n", 1000377005 },
		{ "one-digit day, two blanks", "Sun,  7 Sep 2008 21:40:12 +0900", 1220791212 },
		{ "west", "Mon, 1 Jan 2001 00:00:00 -0330", 978319800 },
		{ "-0000", "Mon, 1 Jan 2001 00:00:00 -0000", 978307200 },
		{ "colon in the offset", "Mon, 1 Jan 2001 00:00:00 +05:30", 978287400 },
		{ "offset in hours", "Mon, 1 Jan 2001 00:00:00 -5", 978325200 },
		{ "offset of three digits", "Mon, 1 Jan 2001 00:00:00 +200", 978300000 },
		{ "offset behind a name", "Mon, 1 Jan 2001 00:00:00 GMT+0200", 978300000 },
		{ "name behind an offset", "Mon, 1 Jan 2001 00:00:00 +0200 CEST", 978300000 },
		{ "absurd offset, taken as it stands", "Tue, 30 Nov 1999 23:56:33 -3000 (CST)",
		  944114193 },
		{ "offset without sign is none", "Mon, 1 Jan 2001 00:00:00 0200", 978307200 },
		{ "GMT", "Tue, 14 Oct 2014 02:34:15 GMT", 1413254055 },
		{ "UT", "Tue, 6 Jun 2000 03:20:11 UT", 960261611 },
		{ "Z", "Tue, 6 Jun 2000 03:20:11 Z", 960261611 },
		{ "obsolete zone", "1 Jan 04 10:00 EST", 1072969200 },
		{ "EDT", "Thu, 19 Sep 91 12:41:43 EDT", 685298503 },
		{ "CST", "Tue, 1 Aug 2006 13:58:02 CST", 1154462282 },
		{ "PDT", "Fri, 25 Sep 92 14:13:02 PDT", 717455582 },
		{ "lower-case zone", "Tue, 28 May 1996 12:24:23 cst", 833307863 },
		{ "CEST", "Mon, 1 Jul 2019 12:00:00 CEST", 1561975200 },
		{ "MEST", "Mon, 1 Jul 2019 12:00:00 MEST", 1561975200 },
		{ "WETDST", "Mon, 1 Jul 2019 12:00:00 WETDST", 1561978800 },
		{ "MET DST", "Mon, 1 Jul 1991 12:00:00 MET DST", 678362400 },
		{ "half an hour", "Mon, 1 Jul 2019 12:00:00 NST", 1561995000 },
		{ "military zones count as UTC", "Mon, 1 Jul 2019 12:00:00 A", 1561982400 },
		{ "unknown zone", "Mon, 1 Jul 2019 12:00:00 XYZ", 1561982400 },
		{ "IST has three meanings", "Mon, 1 Jul 2019 12:00:00 IST", 1561982400 },
		{ "year 49", "1 Jan 49 00:00:00 GMT", 2493072000 },
		{ "year 50", "1 Jan 50 00:00:00 GMT", -631152000 },
		{ "year 100", "1 Jan 100 00:00:00 GMT", 946684800 },
		{ "year 103", "1 Jan 103 00:00:00 GMT", 1041379200 },
		{ "year 1900", "1 Jan 1900 00:00:00 GMT", -2208988800 },
		{ "year 9999", "31 Dec 9999 23:59:59 GMT", 253402300799 },
		{ "before 1970", "Wed, 31 Dec 1969 23:59:59 +0000", -1 },
		{ "29 February", "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
		{ "29 February 2000", "29 Feb 2000 12:00:00 GMT", 951825600 },
		{ "leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
		{ "names in full", "Thursday, 13 September 2001 12:30:05 GMT", 1000384205 },
		{ "names cut elsewhere", "Thurs, 13 Sept 2001 12:30:05 GMT", 1000384205 },
		{ "upper and lower case", "thu, 13 SEP 2001 12:30:05 gmt", 1000384205 },
		{ "month before day", "Fri, Nov 01 02 01:50:58", 1036115458 },
		{ "American", "May 8, 2005 1:17 PM", 1115558220 },
		{ "American with zone", "Wed 29 May 2019 06:09:22 PM EDT", 1559167762 },
		{ "after midnight", "18 Feb 01 12:29:13 AM", 982456153 },
		{ "after noon", "18 Feb 01 12:29:13 pm", 982499353 },
		{ "ctime", "Thu Sep 13 12:30:05 2001", 1000384205 },
		{ "ctime with zone", "Fri May 24 10:35:57 EDT 1991", 675095757 },
		{ "ctime, offset behind", "Wed Sep 30 19:56:38 2020 +1000", 1601459798 },
		{ "hyphens", "13-Sep-2001 12:30:05 +0200", 1000377005 },
		{ "points in the time", "Thu, 13 Sep 2001 12.30.05 +0200", 1000377005 },
		{ "fraction of a second", "Thu, 13 Sep 2001 12:30:05.999 +0200", 1000377005 },
		{ "ISO 8601", "2001-09-13T12:30:05Z", 1000384205 },
		{ "ISO 8601, offset and fraction", "2001-09-13T12:30:05.25+02:00", 1000377005 },
		{ "ISO 8601 with a blank", "2007-11-09 18:37:09", 1194633429 },
		{ "weekday misspelt", "Wen, 31 May 2006 09:10:36 -0700", 1149091836 },
		{ "weekday in another language", "M\xC3\xA4rchentag, 31 May 2006 09:10:36 -0700",
		  1149091836 },
		{ "weekday does not fit", "Mon, 13 Sep 2001 12:30:05 +0200", 1000377005 },
		{ "quotes", "'Thu, 29 Apr 2012 23:34:45 +0000'", 1335742485 },
		{ "another field behind", "Thu, 29 Apr 2009 23:45:10 -0600\rMessage-Id: <0@x>",
		  1241070310 },
		{ "words behind", "Wed, 9 Nov 2011 18:14:52 +0100 Westeurop\xE4ische Zeit",
		  1320858892 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t got = date_parse(slice_str(rows[i].in));

		cr_expect_eq(got, rows[i].want, "%s: %lld", rows[i].name, (long long)got);
	}
}

Test(date, no_dates)
{
	static const struct {
		const char *name, *in;
	} rows[] = {
		{ "empty", "" },
		{ "blanks", "  \t" },
		{ "word", "Whenever" },
		{ "weekday only", "Thu," },
		{ "comment only", "(Thu, 13 Sep 2001 12:30:05 +0200" },
		{ "no day", "Sep 2001 12:30:05" },
		{ "no month", "Thu, 13 2001 12:30:05" },
		{ "no year", "Thu Jan 01 00:00:10 +0000" },
		{ "month in another language", "Do, 13 Okt 2001 12:30:05 +0200" },
		{ "month as a number", "13 6 2001 15:23:36" },
		{ "slashes", "3/11/03 1:30:51 PM" },
		{ "points", "13.09.2001 12:30:05" },
		{ "points, short year", "13.09.01 12:30" },
		{ "30 February", "30 Feb 2001 12:30:05" },
		{ "29 February", "29 Feb 2001 12:30:05" },
		{ "29 February 1900", "29 Feb 1900 12:30:05" },
		{ "31 April", "31 Apr 2001 12:30:05" },
		{ "day 0", "0 Jan 2001 12:30:05" },
		{ "day 32", "32 Jan 2001 12:30:05" },
		{ "hour 24", "13 Sep 2001 24:00:00" },
		{ "minute 60", "13 Sep 2001 12:60:00" },
		{ "second 61", "13 Sep 2001 12:30:61" },
		{ "hour 13 PM", "13 Sep 2001 13:30:05 PM" },
		{ "hour 0 AM", "13 Sep 2001 0:30:05 AM" },
		{ "AM and PM", "13 Sep 2001 10:30:05 AM PM" },
		{ "year 1899", "31 Dec 1899 23:59:59" },
		{ "year 0001", "1 Jan 0001 00:00:00 +0000" },
		{ "year 1601", "1 Jan 1601 00:00:00 +0000" },
		{ "year of five digits", "13 Sep 20011 12:30:05" },
		{ "year of one digit", "13 Sep 1 12:30:05" },
		{ "time cut", "Wed, 15 Dec 2010    59:10 -0500" },
		{ "two months", "13 Sep Oct 2001 12:30:05" },
		{ "words between", "13 big Sep 2001 12:30:05" },
		{ "scrambled", "Sat Feb  6 23: Momin <azhar Feb  6 23:42:3 2010" },
		{ "ISO month 13", "2001-13-01 12:30:05" },
		{ "ISO month 0", "2001-00-01 12:30:05" },
		{ "digits without end", "99999999999999999999999 Sep 2001 12:30:05" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t got = date_parse(slice_str(rows[i].in));

		cr_expect_eq(got, TIME_NONE, "%s: %lld", rows[i].name, (long long)got);
	}
}

Test(date, from_line)
{
	static const struct {
		const char *name, *in;
		int64_t want;
		bool zone_known;
	} rows[] = {
		{ "ctime", "a@b.example Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "whole line", "From a@b.example  Thu Sep 13 12:30:05 2001\r\n", 1000384205,
		  false },
		{ "one-digit day", "a@b.example Mon Sep  3 12:30:05 2001", 999520205, false },
		{ "no seconds", "a@b.example Thu Sep 13 12:30 2001", 1000384200, false },
		{ "offset before the year", "klopp Mon Jan  5 08:50:15 +0100 2004", 1073289015,
		  true },
		{ "EDT before the year", "a@b.example Thu Sep 13 12:30:05 EDT 2001", 1000398605,
		  true },
		{ "CEST before the year", "a@b.example Mon Jul  1 12:00:00 CEST 2019", 1561975200,
		  true },
		{ "Takeout", "1234567890123456789@xxx Sat Jul 01 12:00:00 +0000 2023", 1688212800,
		  true },
		{ "Takeout, older", "1234567890123456789@xxx Sat Jul 01 12:00:00 2023", 1688212800,
		  false },
		{ "offset behind the year", "a@b.example Fri Feb 22 23:00:00 2008 -0400",
		  1203735600, true },
		{ "MEST behind the year", "a@b.example Mon Jul  1 12:00:00 2019 MEST", 1561975200,
		  true },
		{ "WETDST behind the year", "a@b.example Mon Jul  1 12:00:00 2019 WETDST",
		  1561978800, true },
		{ "MET DST", "a@b.example Mon Jul  1 12:00:00 MET DST 1991", 678362400, true },
		{ "unknown zone", "a@b.example Mon Jul  1 12:00:00 XYZ 2019", 1561982400, false },
		{ "remote from", "uucp Mon Jul  1 12:00:00 2019 remote from example", 1561982400,
		  false },
		{ "remote from, with zone", "uucp Mon Jul  1 12:00:00 MET 2019 remote from example",
		  1561978800, true },
		{ "RFC 5322", "- Sun, 11 Nov 2007 06:58:35 +0200", 1194757115, true },
		{ "RFC 5322 with a comment", "- Sun, 11 Nov 2007 06:58:35 +0200 (EET)", 1194757115,
		  true },
		{ "RFC 5322 in GMT", "- Fri, 27 Jan 2017 00:19:08 GMT", 1485476348, true },
		{ "day before month", "- Sun 24 Jan 2016 21:57:32", 1453672652, false },
		{ "two-digit year", "a@b.example Thu Sep 13 12:30:05 01", 1000384205, false },
		{ "no sender", "Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "no sender, three blanks", "  Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "empty sender", "<> Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "Thunderbird", "- Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "MAILER-DAEMON", "MAILER-DAEMON  Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "blanks in the local part",
		  "\"John Q Public\"@b.example Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "pipermail", "john at b.example  Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "Eudora", "\?\?\?@\?\?\? Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "TAB", "a@b.example\tThu Sep 13 12:30:05 2001", 1000384205, false },
		{ "folded by nmh", "\n    Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "sender named like a day", "Mon Thu Sep 13 12:30:05 2001", 1000384205, false },
		{ "sender that begins like a day", "sunny@b.example Thu Sep 13 12:30:05 2001",
		  1000384205, false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool zone_known = !rows[i].zone_known;
		int64_t got = date_parse_from_line(slice_str(rows[i].in), &zone_known);

		cr_expect_eq(got, rows[i].want, "%s: %lld", rows[i].name, (long long)got);
		cr_expect_eq(zone_known, rows[i].zone_known, "%s", rows[i].name);
	}
}

Test(date, text_is_no_from_line)
{
	static const struct {
		const char *name, *in;
	} rows[] = {
		{ "bare", "From " },
		{ "bare with a hyphen", "From -" },
		{ "text", "From Russia with love" },
		{ "a header field", "From: a@b.example, Thu Sep 13 12:30:05 2001 or so" },
		{ "a day", "From Monday to Friday" },
		{ "a date, no time", "From Thu Sep 13 2001" },
		{ "no year", "From a@b.example Thu Sep 13 12:30:05" },
		{ "no weekday", "From a@b.example Sep 13 12:30:05 2001" },
		{ "weekday of another language", "From a@b.example Do Sep 13 12:30:05 2001" },
		{ "text behind", "From me Thu Sep 13 12:30:05 2001 on" },
		{ "capitals behind", "From me Thu Sep 13 12:30:05 2001 OF IT" },
		{ "number behind", "From me Thu Sep 13 12:30:05 2001 2002" },
		{ "colon behind", "From me Thu Sep 13 12:30:05 2001:" },
		{ "full stop behind", "From me Thu Sep 13 12:30:05 2001." },
		{ "two dates", "From Thu Sep 13 12:30:05 2001 to Fri Sep 14 12:30" },
		{ "impossible date", "From a@b.example Thu Sep 31 12:30:05 2001" },
		{ "remote, but no date", "From a@b.example remote from example" },
		{ "next line", "From a@b.example Thu Sep 13 12:30:05 2001\nx" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool zone_known = true;
		int64_t got = date_parse_from_line(slice_str(rows[i].in), &zone_known);

		cr_expect_eq(got, TIME_NONE, "%s: %lld", rows[i].name, (long long)got);
		cr_expect(zone_known, "%s: touched", rows[i].name);
	}
}

/* The longest line that is looked at, and one octet more. */
Test(date, from_line_limit)
{
	static const char date[] = " Thu Sep 13 12:30:05 2001";
	char line[1001];
	bool zone_known;

	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = 'x';
	for (size_t i = 0; i < sizeof(date) - 1; i++)
		line[sizeof(line) - (sizeof(date) - 1) + i] = date[i];
	cr_expect_eq(date_parse_from_line(slice_of(line, 1001), &zone_known), TIME_NONE);
	cr_expect_eq(date_parse_from_line(slice_of(line + 1, 1000), &zone_known), 1000384205);
}

Test(date, received)
{
	static const struct {
		const char *name, *in;
		int64_t want;
	} rows[] = {
		{ "plain", "from a by b; Thu, 13 Sep 2001 12:30:05 +0200", 1000377005 },
		{ "folded", "from a\r\n\tby b;\r\n\tThu, 13 Sep 2001 12:30:05 +0200\r\n",
		  1000377005 },
		{ "semicolon in a comment before", "from a (x; y) by b; 13 Sep 2001 10:30:05 GMT",
		  1000377005 },
		{ "semicolon in a comment behind",
		  "from a by b; 13 Sep 2001 10:30:05 GMT (envelope-from <x>; y)", 1000377005 },
		{ "two semicolons", "from a by b; for x; 13 Sep 2001 10:30:05 GMT", 1000377005 },
		{ "comment never closed", "from a (HELO b; 13 Sep 2001 10:30:05 GMT", 1000377005 },
		{ "no semicolon", "from a by b 13 Sep 2001 10:30:05 GMT", TIME_NONE },
		{ "nothing behind it", "from a by b;", TIME_NONE },
		{ "no date behind it", "from a by b; yesterday", TIME_NONE },
		{ "empty", "", TIME_NONE },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t got = date_parse_received(slice_str(rows[i].in));

		cr_expect_eq(got, rows[i].want, "%s: %lld", rows[i].name, (long long)got);
	}
}

Test(date, clamp)
{
	static const struct {
		const char *name;
		int64_t now, in, want;
		bool clamped;
	} rows[] = {
		{ "as it is", 1800000000, 1000377005, 1000377005, false },
		{ "first", 1800000000, INTERNALDATE_MIN, INTERNALDATE_MIN, false },
		{ "before the first", 1800000000, INTERNALDATE_MIN - 1, INTERNALDATE_MIN, true },
		{ "long before", 1800000000, -INT64_C(5000000000), INTERNALDATE_MIN, true },
		{ "now", 1800000000, 1800000000, 1800000000, false },
		{ "in a second", 1800000000, 1800000001, 1800000000, true },
		{ "in years", 1800000000, 2000000000, 1800000000, true },
		{ "last", INT64_C(4000000000), INTERNALDATE_MAX, INTERNALDATE_MAX, false },
		{ "beyond the last", INT64_C(4000000000), INTERNALDATE_MAX + 1, INTERNALDATE_MAX,
		  true },
		{ "a clock that was never set", 0, 1000377005, 1000377005, false },
		{ "and a date beyond the last", 0, INTERNALDATE_MAX + 1, INTERNALDATE_MAX, true },
		{ "a clock just late", CLOCK_EARLIEST - 1, 1900000000, 1900000000, false },
		{ "a clock just right", CLOCK_EARLIEST, 1900000000, CLOCK_EARLIEST, true },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		bool clamped = !rows[i].clamped;

		cr_expect_eq(date_clamp(rows[i].in, rows[i].now, &clamped), rows[i].want, "%s",
			     rows[i].name);
		cr_expect_eq(clamped, rows[i].clamped, "%s", rows[i].name);
	}
}

Test(date, imap)
{
	static const struct {
		const char *name, *in;
		int64_t want;
	} rows[] = {
		{ "UTC", "13-Sep-2001 10:30:05 +0000", 1000377005 },
		{ "east", "13-Sep-2001 12:30:05 +0200", 1000377005 },
		{ "west", "13-Sep-2001 07:00:05 -0330", 1000377005 },
		{ "blank before the day", " 3-Sep-2001 10:30:05 +0000", 999513005 },
		{ "one-digit day", "3-Sep-2001 10:30:05 +0000", 999513005 },
		{ "two-digit day", "03-Sep-2001 10:30:05 +0000", 999513005 },
		{ "lower case", "13-sep-2001 10:30:05 +0000", 1000377005 },
		{ "empty", "", TIME_NONE },
		{ "no zone", "13-Sep-2001 10:30:05", TIME_NONE },
		{ "zone name", "13-Sep-2001 10:30:05 GMT  ", TIME_NONE },
		{ "blanks for hyphens", "13 Sep 2001 10:30:05 +0000", TIME_NONE },
		{ "no month", "13-Xyz-2001 10:30:05 +0000", TIME_NONE },
		{ "32nd", "32-Jan-2001 10:30:05 +0000", TIME_NONE },
		{ "hour 24", "13-Sep-2001 24:00:00 +0000", TIME_NONE },
		{ "short year", "13-Sep-01 10:30:05 +0000", TIME_NONE },
		{ "more behind", "13-Sep-2001 10:30:05 +00000", TIME_NONE },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		int64_t got = date_parse_imap(slice_str(rows[i].in));

		cr_expect_eq(got, rows[i].want, "%s: %lld", rows[i].name, (long long)got);
	}
}

Test(date, imap_format)
{
	static const struct {
		int64_t in;
		const char *want;
	} rows[] = {
		{ 1000377005, "\"13-Sep-2001 10:30:05 +0000\"" },
		{ 999513005, "\"03-Sep-2001 10:30:05 +0000\"" },
		{ INTERNALDATE_MIN, "\"02-Jan-1970 00:00:00 +0000\"" },
		{ INTERNALDATE_MAX, "\"18-Jan-2038 00:00:00 +0000\"" },
		{ 1709251199, "\"29-Feb-2024 23:59:59 +0000\"" },
		{ -1, "\"31-Dec-1969 23:59:59 +0000\"" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[29];

		date_format_imap(text, rows[i].in);
		cr_expect_str_eq(text, rows[i].want);
		cr_expect_eq(date_parse_imap(slice_of(text + 1, 26)), rows[i].in);
	}
}
