/* SPDX-License-Identifier: ISC
 * control_cluster_fake: see control_cluster_fake.h. */
#include "control_cluster_fake.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static struct fake others[FAKE_NODES];
static struct fake_cluster *cluster; /* ops.arg is the node */

/* ---- what is known */

static unsigned
op_nodes(void *arg, struct control_node *out, unsigned max)
{
	const struct fake_node *us = arg;

	MX_ASSERT(max >= FAKE_NODES);
	for (unsigned i = 0; i < FAKE_NODES; i++) {
		const struct fake_node *n = &cluster->node[i];

		out[i] = (struct control_node){ .id = n->id,
			.name = n->name,
			.state = n->state,
			.version = "1.0",
			.hostname = "host.example",
			.url = "",
			.config = n->id == 3 ? "b" : "a",
			.us = n == us,
			.asks = n->asks,
			.silent_ms = n->asks ? 400 : 12000,
			.domains = 1 };
	}
	return FAKE_NODES;
}

static void
op_view(void *arg, struct snap_cluster *v)
{
	(void)arg;
	*v = cluster->view;
}

static unsigned
op_owner(void *arg, const char *domain)
{
	const struct fake_node *us = arg;

	if (us->moved != NULL && strcmp(us->moved, domain) == 0)
		return us->moved_to;
	return strcmp(domain, "example.net") == 0 ? 1 :
	    strcmp(domain, "example.org") == 0	  ? 2 :
	    strcmp(domain, "hold.example") == 0	  ? 3 :
						    0;
}

static unsigned
op_verdicts(void *arg, const char *domain, struct control_verdict *v,
    unsigned max)
{
	(void)arg;
	MX_ASSERT(max >= 2);
	if (strcmp(domain, "example.org") != 0)
		return 0;
	v[0] = (struct control_verdict){ "mx1", "up", "", 1795367910 };
	v[1] = (struct control_verdict){ "mx2", "down", "a \033[2J cause",
		1795367940 };
	return 2;
}

/* ---- what travels */

static void
drop(struct fake_flight *f)
{
	mem_free(&f->line);
	*f = cluster->flight[--cluster->nflights];
	cluster->flight[cluster->nflights].line = NULL;
}

static struct fake_flight *
find(uint64_t ticket)
{
	for (unsigned i = 0; i < cluster->nflights; i++)
		if (cluster->flight[i].ticket == ticket)
			return &cluster->flight[i];
	return NULL;
}

static uint64_t
op_ask(void *arg, unsigned node, const char *line, control_said_cb *cb,
    void *cb_arg)
{
	struct fake_flight *f = &cluster->flight[cluster->nflights++];

	MX_ASSERT(cluster->nflights <= MX_COUNT(cluster->flight));
	MX_ASSERT(strlen(line) <= 65536 && strchr(line, '\n') == NULL);
	MX_ASSERT(node >= 1 && node <= FAKE_NODES);
	*f = (struct fake_flight){ .ticket = ++cluster->last_ticket,
		.from = arg,
		.to = &cluster->node[node - 1],
		.line = mem_strdup(line),
		.cb = cb,
		.arg = cb_arg };
	MX_ASSERT(f->from != f->to);
	if (cluster->nflights > cluster->most)
		cluster->most = cluster->nflights;
	loop_task_schedule(cluster->task);
	return f->ticket;
}

static void
op_forget(void *arg, uint64_t ticket)
{
	struct fake_flight *f = find(ticket);

	(void)arg;
	cluster->forgotten++;
	if (f != NULL)
		drop(f);
}

static void
op_said(void *arg, uint64_t ticket, const char *text, size_t len, bool end)
{
	struct fake_node *n = arg;
	struct fake_flight *f = find(ticket);
	control_said_cb *cb;
	void *cb_arg;

	MX_ASSERT(len <= 65536);
	if (f == NULL)
		return; /* nobody waits for it any more */
	MX_ASSERT(f->to == n);
	f->said += len;
	if (f->said > n->longest)
		n->longest = f->said;
	cb = f->cb;
	cb_arg = f->arg;
	if (end)
		drop(f);
	if (cluster->cuts && !end)
		return;
	cb(cb_arg, 0, text, len, end);
}

static void
on_task(void *arg)
{
	struct fake_flight *f;
	control_said_cb *cb;
	void *cb_arg;
	char *line;

	(void)arg;
	for (unsigned i = 0; i < cluster->nflights; i++) {
		f = &cluster->flight[i];
		if (f->there)
			continue;
		f->there = true;
		f->to->asked++;
		if (!f->to->mute) {
			line = mem_strdup(f->line);
			control_asked(f->to->control, f->ticket, line);
			mem_free(&line);
		} else {
			cb = f->cb;
			cb_arg = f->arg;
			drop(f);
			cb(cb_arg, -MX_ENET, "", 0, true);
		}
		i = (unsigned)-1; /* it is another list than before */
	}
}

/* ---- what an operator does */

static int
ordered(const char *what, const char *domain, unsigned node)
{
	(void)snprintf(cluster->ordered, sizeof(cluster->ordered), "%s%s%s %u",
	    what, *domain != '\0' ? " " : "", domain, node);
	return cluster->rc;
}

static int
op_move(void *arg, const char *domain, unsigned node)
{
	(void)arg;
	return ordered("move", domain, node);
}

static int
op_release(void *arg, unsigned node)
{
	(void)arg;
	return ordered("release", "", node);
}

static int
op_takeover(void *arg, unsigned node)
{
	(void)arg;
	return ordered("takeover", "", node);
}

static int
op_join(void *arg, unsigned node)
{
	(void)arg;
	return ordered("join", "", node);
}

/* ---- life */

static void
socket_of(const struct fake_node *n, const char *dir, char *dst, size_t size)
{
	(void)snprintf(dst, size, "%s/%s", dir, n->name);
}

static void
add_node(struct fake_cluster *fc, unsigned i, const char *name,
    struct loop *loop, struct fake *fake, const char *dir)
{
	struct fake_node *n = &fc->node[i];
	struct mx_errbuf eb = { "" };
	char path[128];

	*n = (struct fake_node){ .id = i + 1,
		.name = name,
		.state = "live",
		.asks = true,
		.fake = fake };
	if (i > 0)
		fake_init(fake, loop);
	fake->ops.cluster = (struct control_cluster_ops){ .nodes = op_nodes,
		.view = op_view,
		.owner = op_owner,
		.verdicts = op_verdicts,
		.ask = op_ask,
		.forget = op_forget,
		.said = op_said,
		.move = op_move,
		.release = op_release,
		.takeover = op_takeover,
		.join = op_join,
		.arg = n };
	if (i == 0)
		return;
	socket_of(n, dir, path, sizeof(path));
	n->control =
	    control_create(loop, path, 4, &fake->relay, &fake->ops, &eb);
	MX_ASSERT(n->control != NULL);
}

void
fake_cluster_init(struct fake_cluster *fc, struct loop *loop, struct fake *fake,
    const char *dir)
{
	static const char *const name[FAKE_NODES] = { "mx1", "mx2", "mx3" };

	memset(fc, 0, sizeof(*fc));
	fc->view.on = fc->view.synchronous = true;
	(void)strlcpy(fc->view.node, name[0], sizeof(fc->view.node));
	cluster = fc;
	fc->task = loop_task_create(loop, on_task, fc);
	for (unsigned i = 0; i < FAKE_NODES; i++)
		add_node(fc, i, name[i], loop, i == 0 ? fake : &others[i], dir);
}

void
fake_cluster_fini(struct fake_cluster *fc, const char *dir)
{
	char path[128];

	for (unsigned i = 1; i < FAKE_NODES; i++) {
		control_destroy(&fc->node[i].control);
		fake_answer(fc->node[i].fake);
		fake_fini(fc->node[i].fake);
		socket_of(&fc->node[i], dir, path, sizeof(path));
		(void)unlink(path);
	}
	while (fc->nflights > 0)
		drop(&fc->flight[0]);
	loop_task_destroy(&fc->task);
}
