/*
 * What a session has learnt of its server and account, for the next ones: each
 * question that need not be asked again is a round trip less until a further
 * connection, or one that was lost, can be used.
 *
 * The server is the same if it says the same of itself before the login, and, where
 * it says it unasked, after it.
 */
#include "imap/session_impl.h"

void session_memory_init(struct session_memory *m)
{
	*m = (struct session_memory){ 0 };
	buf_init(&m->before, FRAME_KEEP_MAX);
	buf_init(&m->after, FRAME_KEEP_MAX);
	buf_init(&m->namespaces, FRAME_KEEP_MAX);
	buf_init(&m->server_name, FRAME_KEEP_MAX);
}

void session_memory_release(struct session_memory *m)
{
	buf_release(&m->before);
	buf_release(&m->after);
	buf_release(&m->namespaces);
	buf_release(&m->server_name);
}

static void keep(struct buf *b, struct slice words)
{
	buf_reset(b);
	buf_add_slice(b, words);
}

static void begin_lesson(struct session *s, struct session_memory *m)
{
	m->learner = s;
	s->memory_lesson = ++m->lesson;
}

/* Another session may have taught it something else meanwhile. */
bool memory_knows(struct session *s, const struct session_memory *m)
{
	s->recognised = s->recognised && m && s->memory_lesson == m->lesson;
	return s->recognised;
}

void memory_recognise(struct session *s, struct session_memory *m)
{
	if (!m)
		return;
	if (m->learner == s)
		m->learner = NULL;
	s->recognised = m->after.len > 0 &&
			slice_eq(buf_slice(&m->before), buf_slice(&s->capability_words));
	s->memory_lesson = m->lesson;
	if (s->recognised)
		return;
	begin_lesson(s, m);
	keep(&m->before, buf_slice(&s->capability_words));
	buf_reset(&m->after);
	m->account = false;
}

void memory_note_capabilities(struct session *s, struct session_memory *m)
{
	if (!m || (!memory_knows(s, m) && m->learner != s))
		return;
	if (s->recognised && !slice_eq(buf_slice(&m->after), buf_slice(&s->capability_words))) {
		s->recognised = false;
		m->account = false;
		begin_lesson(s, m);
	}
	keep(&m->after, buf_slice(&s->capability_words));
}

void memory_note_namespaces(const struct session *s, struct session_memory *m,
			    const struct response *r)
{
	if (m && m->learner == s)
		keep(&m->namespaces, r->rest);
}

void memory_note_account(const struct session *s, struct session_memory *m)
{
	if (!m || m->learner != s)
		return;
	keep(&m->server_name, slice_str(s->server_name));
	if (!s->namespaces.has_personal)
		buf_reset(&m->namespaces);
	m->separator = s->separator;
	m->account = !m->server_name.failed && !m->namespaces.failed;
}

bool memory_recall_account(struct session *s, const struct session_memory *m)
{
	struct response r = { 0 };
	struct namespaces ns;
	const char *name;

	if (!memory_knows(s, m) || !m->account)
		return false;
	r.rest = buf_slice(&m->namespaces);
	if (r.rest.len > 0 && !namespace_read(&r, &s->own, &ns))
		return false;
	name = arena_slice(&s->own, buf_slice(&m->server_name));
	if (!name)
		return false;
	if (r.rest.len > 0)
		s->namespaces = ns;
	s->server_name = name;
	s->separator = m->separator;
	return true;
}
