/*
 * Formats that are near mail: see format.h. The magic numbers are those of the programs' own
 * files (mail-stores.md 6).
 */
#include "source/format.h"

#include "base/fd.h"

#define MAGIC(bytes, name)                                                                         \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, name                                                     \
	}

static const struct {
	const char *magic;
	size_t len;
	const char *name;
} formats[] = {
	MAGIC("!BDN", "an Outlook data file (PST or OST)"),
	MAGIC("JMF6", "an Outlook Express 4 folder (MBX)"),
	MAGIC("\x10\x10\x10\x10\x10\x10\x10\x11", "a Foxmail folder (BOX)"),
	MAGIC("\xCF\xAD\x12\xFE", "an Outlook Express folder (DBX)"),
	MAGIC("\x01\x01\x01\x01\n", "an MMDF folder"),
	MAGIC("\x01\x01\x01\x01\r\n", "an MMDF folder"),
	MAGIC("*mbx*\r\n", "a folder in c-client's mbx format"),
	MAGIC("BABYL OPTIONS:", "an Emacs Rmail folder (Babyl)"),
	MAGIC("// <!-- <mdb:mork", "a Mork file, an index of Thunderbird without mail"),
	MAGIC("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an OLE file, perhaps an Outlook message (MSG)"),
	MAGIC("SQLite format 3", "an SQLite database"),
	MAGIC("BZh", "compressed with bzip2"),
	MAGIC("\xFD"
	      "7zXZ",
	      "compressed with xz"),
	MAGIC("\x28\xB5\x2F\xFD", "compressed with zstd"),
	MAGIC("7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
	MAGIC("PK\x03\x04", "a ZIP archive"),
	MAGIC("Rar!\x1A\x07", "a RAR archive"),
};

/* " 4-Oct-2009 11:49:37 +0000,63485;000000000001" begins each message of c-client's mtx. */
static bool is_mtx(struct slice head)
{
	static const char form[] = "xx-xxx-xxxx xx:xx:xx xxxxx,";
	size_t i;

	for (i = 0; i < sizeof(form) - 1 && i < head.len; i++)
		if (form[i] != 'x' && form[i] != head.ptr[i])
			return false;
	return i == sizeof(form) - 1 && slice_find(slice_from(head, i), ';') > 0;
}

const char *format_name(struct slice head)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct slice magic = slice_of(formats[i].magic, formats[i].len);

		if (slice_starts(head, magic))
			return formats[i].name;
	}
	return is_mtx(head) ? "a folder in c-client's mtx format" : NULL;
}

const char *format_name_of_file(int dirfd, const char *path)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	char head[FORMAT_HEAD_LEN];
	ssize_t n;

	fd = fd_open_file(dirfd, path, NULL, &err);
	if (fd < 0)
		return NULL;
	n = fd_pread(fd, head, sizeof(head), 0, &err);
	return n < 0 ? NULL : format_name(slice_of(head, (size_t)n));
}
