/*
 * Finding a file of a maildir again that was renamed since its name was noted: every change of a
 * flag is a rename.
 */
#ifndef MAILHOIST_SOURCE_MAILDIR_RENAMED_H
#define MAILHOIST_SOURCE_MAILDIR_RENAMED_H

#include "base/buf.h"
#include "source/maildir_names.h"

/* What identifies a file through renames, and where it lies now. */
struct maildir_quarry {
	struct maildir_name was;
	struct buf name; /* "cur/NAME" or "new/NAME" when found; the caller's to release */
};

/* Look for the file that was called `name`, below the folder `folder_fd`. 1, 0 when it is gone or
 * cannot be told from another, -1. */
int maildir_find_renamed(int folder_fd, struct slice name, struct maildir_quarry *q,
			 struct err *err);

#endif
