/* SPDX-License-Identifier: ISC
 * carry: see carry.h. */
#include "fetch/carry.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define HEADER_MAX (SECRET_MAX + 64)

void
message_init(struct message *m, enum message_carrier carrier)
{
	memset(m, 0, sizeof(*m));
	m->carrier = carrier;
	buf_init(&m->body, MESSAGE_MAX);
}

void
message_fini(struct message *m)
{
	strlist_fini(&m->header);
	mem_free(&m->url);
	buf_fini(&m->body);
}

void
message_header(struct message *m, const char *fmt, ...)
{
	char line[HEADER_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	MX_ASSERT(n >= 0 && (size_t)n < sizeof(line)); /* see SECRET_MAX */
	line[strcspn(line, "\r\n")] = '\0';
	strlist_add(&m->header, mem_strdup(line));
	explicit_bzero(line, sizeof(line));
}

const char *
carry_stage_name(enum carry_stage stage)
{
	static const char *const name[] = {
		[CARRY_ENDED] = "ended",
		[CARRY_STARTED] = "started",
		[CARRY_RESOLVED] = "resolved",
		[CARRY_CONNECTED] = "connected",
		[CARRY_SECURED] = "secured",
		[CARRY_SPOKEN] = "sent",
	};

	return name[stage];
}

static struct strlist
list_copy(const struct strlist *list)
{
	struct strlist l = { 0, NULL };

	for (size_t i = 0; i < list->n; i++)
		strlist_add(&l, mem_strdup(list->s[i]));
	return l;
}

void
carry_copy(struct carry *dst, const struct carry *src)
{
	*dst = *src;
	dst->ca_file = mem_strdup(src->ca_file);
	dst->from = mem_strdup(src->from);
	dst->user = mem_strdup(src->user);
	dst->password = mem_strdup(src->password);
	dst->into = mem_strdup(src->into);
	dst->token_file = mem_strdup(src->token_file);
	dst->connect_to = mem_strdup(src->connect_to);
	dst->to = list_copy(&src->to);
	dst->argv = list_copy(&src->argv);
}

void
carry_fini(struct carry *c)
{
	mem_free(&c->ca_file);
	mem_free(&c->from);
	mem_free(&c->user);
	if (c->password != NULL)
		explicit_bzero(c->password, strlen(c->password));
	mem_free(&c->password);
	mem_free(&c->into);
	mem_free(&c->token_file);
	mem_free(&c->connect_to);
	strlist_fini(&c->to);
	strlist_fini(&c->argv);
}
