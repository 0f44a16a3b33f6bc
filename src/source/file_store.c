/*
 * See file_store.h.
 */
#include "source/file_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int file_store_init(struct file_store *s, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	s->root = s->file.fd = s->found.fd = -1;
	s->location = strndup(path, len);
	s->notices = notices_new();
	s->list = dir_list_new();
	return s->location && s->notices && s->list ? 0 : -1;
}

void file_store_release(struct file_store *s)
{
	file_message_close(&s->file);
	file_message_close(&s->found);
	dir_list_free(s->list);
	dir_tree_release(&s->tree);
	notices_free(s->notices);
	fd_cleanup(&s->root);
	free(s->location);
}

int file_store_walk(struct file_store *s, tree_mark_fn *mark, struct err *err)
{
	s->root = fd_open_dir(AT_FDCWD, s->location, err);
	if (s->root < 0)
		return -1;
	return dir_tree_walk(&s->tree, s->root, s->location, mark, s->notices, err);
}

int file_store_find(struct file_store *s, const char *locator, struct arena *a, struct message *out,
		    struct err *err)
{
	struct file_locator l;

	file_message_close(&s->found);
	if (file_locator_read(locator, a, &l, err) != 0)
		return -1;
	if (file_locator_open(&l, s->root, &s->found, out, err) != 0)
		return err_prefix(err, "'%s'", s->location);
	return 0;
}
