/* SPDX-License-Identifier: ISC
 * control: the socket, its clients, their lines. A client is bounded in every
 * direction: the length of its request, the time to send it, the time to take
 * the answer, and the buffered output (one step of a verb: the next begins when
 * all of it was sent). Loop thread. */
#include "control/control.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/idmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/audit.h"
#include "control/control_int.h"
#include "control/happened.h"
#include "control/page.h"
#include "control/verbs.h"
#include "net/local_socket.h"

#define ACCEPT_BATCH  16
#define ACCEPT_REST   1000 /* ms without accepting when descriptors run out */
#define CALL_STALL_MS 600000 /* of a client that takes nothing: a pager */
#define CALL_LINGER   1000

struct control {
	struct loop *loop;
	const struct relay *relay;
	struct control_ops ops;
	struct happened *happened;
	unsigned max, n; /* clients */
	unsigned pages, asked; /* calls without a socket; of other nodes */
	struct local_socket socket;
	struct loop_io *io;
	struct loop_timer *rest;
	char *path;
};

/* All calls of the process. Not in struct control: a callback of the relay may
 * come when the control socket is already closed. */
static struct idmap calls;
static uintptr_t last_id;

static void on_pump(void *);

static struct call *
create(struct control *ctl)
{
	struct call *c = mem_alloc(sizeof(*c));

	c->ctl = ctl;
	c->id = ++last_id;
	c->pump = loop_task_create(ctl->loop, on_pump, c);
	idmap_put(&calls, c->id, c);
	return c;
}

struct call *
call_create(struct control *ctl)
{
	struct call *c = create(ctl);

	c->state = CALL_ANSWER;
	ctl->pages++;
	return c;
}

void
call_destroy(struct call *c)
{
	audit_left(c);
	(void)idmap_take(&calls, c->id);
	c->ctl->asked -= c->node[0] != '\0';
	if (c->page != NULL)
		c->ctl->pages--;
	else
		c->ctl->n--;
	conn_destroy(&c->conn);
	page_destroy(&c->page);
	loop_task_destroy(&c->pump);
	loop_timer_destroy(&c->timer);
	cJSON_Delete(c->request);
	if (c->work_free != NULL)
		c->work_free(c->work);
	else
		mem_free(&c->work);
	mem_free(&c);
}

struct call *
call_find(uint64_t id)
{
	return idmap_get(&calls, id);
}

struct loop *
control_loop(const struct control *ctl)
{
	return ctl->loop;
}

const struct control_cluster_ops *
control_cluster(const struct control *ctl)
{
	return &ctl->ops.cluster;
}

unsigned
control_asked_calls(const struct control *ctl)
{
	return ctl->asked;
}

void
call_asked_by(struct call *c, const char *node, uint64_t number)
{
	(void)strlcpy(c->node, node, sizeof(c->node));
	c->number = number;
	c->ctl->asked++;
}

struct find_asked {
	const struct control *ctl;
	const char *node;
	uint64_t number;
	struct call *found;
};

static void
find_asked(uint64_t id MX_UNUSED, void *value, void *arg)
{
	struct find_asked *f = arg;
	struct call *c = value;

	if (c->ctl == f->ctl && c->number == f->number &&
	    strcmp(c->node, f->node) == 0)
		f->found = c;
}

struct call *
call_find_asked(struct control *ctl, const char *node, uint64_t number)
{
	struct find_asked f = { ctl, node, number, NULL };

	idmap_each(&calls, find_asked, &f);
	return f.found;
}

const struct relay *
call_relay(const struct call *c)
{
	return c->ctl->relay;
}

bool
call_is_dry(const struct call *c)
{
	return (c->fields & FIELD_DRY_RUN) != 0;
}

const struct control_ops *
call_ops(const struct call *c)
{
	return &c->ctl->ops;
}

struct happened *
call_happened(const struct call *c)
{
	return c->ctl->happened;
}

struct happened *
control_happened(struct control *ctl)
{
	return ctl->happened;
}

void
control_event(struct control *ctl, const struct control_event *e)
{
	happened_add(ctl->happened, e);
}

int64_t
call_now(const struct call *c)
{
	return loop_now(c->ctl->loop);
}

void *
call_ticket(const struct call *c)
{
	return (void *)(uintptr_t)c->id;
}

struct call *
call_of_ticket(void *ticket)
{
	return idmap_get(&calls, (uintptr_t)ticket);
}

void
call_send_part(struct call *c, const char *text, size_t len)
{
	if (c->page != NULL)
		page_write(c->page, text, len);
	else
		conn_write(c->conn, text, len);
}

void
call_send(struct call *c, cJSON *line)
{
	char *text = json_print(line);

	call_send_part(c, text, strlen(text));
	call_send_part(c, "\n", 1);
	mem_free(&text);
}

void
call_continue(struct call *c)
{
	c->ready = true;
	loop_task_schedule(c->pump);
}

void
call_done(struct call *c, enum control_rc rc, cJSON *more)
{
	cJSON *o = json_object();

	MX_ASSERT(c->state != CALL_DONE);
	json_bool(o, "done", true);
	json_num(o, "rc", rc);
	if (more != NULL) {
		while (more->child != NULL) {
			cJSON *item =
			    cJSON_DetachItemViaPointer(more, more->child);

			json_sub(o, item->string, item);
		}
		cJSON_Delete(more);
	}
	audit_done(c, rc, o);
	call_send(c, o);
	c->state = CALL_DONE;
	c->ready = false;
	loop_task_schedule(c->pump);
}

static void MX_PRINTF(4, 0) fail(struct call *c, enum control_rc rc,
    bool missing, const char *fmt, va_list ap)
{
	cJSON *o = json_object();
	char text[600];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	json_text(o, "error", text);
	if (missing && c->part) { /* another node may have it */
		json_bool(o, "missing", true);
		c->audited = false;
	}
	call_done(c, rc, o);
}

void
call_fail(struct call *c, enum control_rc rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(c, rc, false, fmt, ap);
	va_end(ap);
}

void
call_missing(struct call *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(c, CONTROL_FAILED, true, fmt, ap);
	va_end(ap);
}

static void
on_wait(void *arg)
{
	call_continue(arg);
}

void
call_wait(struct call *c, int64_t ms)
{
	loop_task_schedule(c->pump);
	if (c->timer == NULL)
		c->timer = loop_timer_create(c->ctl->loop, on_wait, c);
	loop_timer_set(c->timer, ms);
}

static void
on_pump(void *arg)
{
	struct call *c = arg;

	if (c->page != NULL) {
		page_pump(c);
		return;
	}
	if (conn_backlog(c->conn) > 0) { /* CONN_DRAINED calls again */
		conn_timeout(c->conn, CALL_STALL_MS);
		return;
	}
	if (c->state != CALL_REQUEST && c->input == NULL)
		conn_timeout(c->conn, 0);
	if (c->state == CALL_DONE) {
		conn_finish(&c->conn, CALL_LINGER);
		call_destroy(c);
	} else if (c->ready) {
		c->ready = false;
		c->step(c);
	}
}

void
call_input_wait(struct call *c, bool wait)
{
	if (c->input_waits == wait || c->input == NULL)
		return;
	c->input_waits = wait;
	if (wait) {
		conn_pause(c->conn);
		conn_timeout(c->conn, 0);
	} else {
		conn_timeout(c->conn, CONTROL_REQUEST_MS);
		conn_resume(c->conn);
	}
}

/* Passes the input behind a request to the verb, until it takes no more. */
static void
call_feed(struct call *c, bool eof)
{
	const char *data, *lf;
	size_t n;

	while (c->input != NULL && !c->input_waits) {
		n = conn_input(c->conn, &data);
		lf = n > 0 ? memchr(data, '\n', n) : NULL;
		if (lf == NULL && eof) {
			call_destroy(c);
			return;
		}
		if (lf == NULL && n <= CONTROL_LINE_MAX)
			break;
		if (lf == NULL)
			call_fail(c, CONTROL_REFUSED,
			    "a line is longer than %u bytes", CONTROL_LINE_MAX);
		else
			c->input(c, data, (size_t)(lf - data));
		if (lf != NULL)
			conn_consume(c->conn, (size_t)(lf - data) + 1);
		if (c->state == CALL_DONE)
			c->input = NULL;
	}
	if (c->input == NULL)
		conn_pause(c->conn);
	if (!c->input_waits)
		conn_timeout(c->conn,
		    c->input != NULL ? CONTROL_REQUEST_MS : 0);
}

/* Input is not read any more: a client that goes away is noticed when writing,
 * and one that only shuts down its sending half (a pipe into a socket tool) is
 * answered. */
static void
call_start(struct call *c, const char *line, size_t len)
{
	c->state = CALL_ANSWER;
	verbs_start(c, line, len);
	loop_task_schedule(c->pump);
	if (c->input != NULL) {
		conn_consume(c->conn, len + 1);
		call_feed(c, false);
		return;
	}
	conn_pause(c->conn);
	conn_timeout(c->conn, CALL_STALL_MS);
}

static void
call_read(struct call *c, bool eof)
{
	const char *data, *lf;
	size_t n = conn_input(c->conn, &data);

	if (c->state == CALL_ANSWER && c->input != NULL) {
		call_feed(c, eof);
		return;
	}
	if (c->state != CALL_REQUEST)
		return;
	lf = memchr(data, '\n', n);
	if (lf != NULL)
		call_start(c, data, (size_t)(lf - data));
	else if (eof && n > 0)
		call_start(c, data, n);
	else if (eof)
		call_destroy(c);
	else if (n > CONTROL_LINE_MAX) {
		conn_pause(c->conn);
		call_fail(c, CONTROL_REFUSED,
		    "the request is longer than %u bytes", CONTROL_LINE_MAX);
	}
}

static void
on_conn(struct conn *conn MX_UNUSED, enum conn_event event, void *arg)
{
	struct call *c = arg;

	switch (event) {
	case CONN_READ:
		call_read(c, false);
		break;
	case CONN_EOF:
		call_read(c, true);
		break;
	case CONN_DRAINED:
		loop_task_schedule(c->pump);
		break;
	case CONN_TIMEOUT:
		if (c->state == CALL_REQUEST) {
			conn_pause(c->conn);
			call_fail(c, CONTROL_REFUSED, "no request in %u s",
			    CONTROL_REQUEST_MS / 1000);
			break;
		}
		call_destroy(c);
		break;
	case CONN_ERROR:
		call_destroy(c);
		break;
	case CONN_CONNECTED:
	case CONN_TLS_UP:
		break;
	}
}

static void
refuse(int fd)
{
	static const char line[] =
	    "{\"done\":true,\"rc\":1,\"error\":\"too many clients\"}\n";

	/* a new socket has space for it */
	(void)!send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void
client_create(struct control *ctl, int fd)
{
	static const struct net_addr nowhere;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	struct call *c;

	if (ctl->n >= ctl->max) {
		refuse(fd);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		log_warn("control",
		    "problem=\"peer credentials not "
		    "available\" error=%s",
		    log_q(strerror(errno)));
	c = create(ctl);
	c->uid = peer.uid;
	c->pid = peer.pid;
	c->conn = conn_accept(ctl->loop, fd, &nowhere, CONTROL_LINE_MAX + 1,
	    on_conn, c);
	conn_timeout(c->conn, CONTROL_REQUEST_MS);
	ctl->n++;
}

static void
on_accept(unsigned ready MX_UNUSED, void *arg)
{
	static struct log_limit limit;
	struct control *ctl = arg;
	int fd;

	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		fd = accept4(ctl->socket.fd, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			client_create(ctl, fd);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (log_limit_ok(&limit, 60))
			log_warn("control", "problem=\"accept: %s\"",
			    strerror(errno));
		loop_io_want(ctl->io, 0);
		loop_timer_set(ctl->rest, ACCEPT_REST);
		return;
	}
}

static void
on_rested(void *arg)
{
	struct control *ctl = arg;

	loop_io_want(ctl->io, LOOP_READ);
}

struct control *
control_create(struct loop *loop, const char *path, unsigned clients,
    const struct relay *relay, const struct control_ops *ops,
    struct mx_errbuf *eb)
{
	struct control *ctl = mem_alloc(sizeof(*ctl));

	ctl->loop = loop;
	ctl->relay = relay;
	ctl->ops = *ops;
	ctl->happened = happened_create();
	ctl->max = clients;
	ctl->path = mem_strdup(path);
	if (local_socket_listen(&ctl->socket, path, ACCEPT_BATCH, eb) != 0) {
		control_destroy(&ctl);
		return NULL;
	}
	ctl->rest = loop_timer_create(loop, on_rested, ctl);
	ctl->io = loop_io_create(loop, ctl->socket.fd, on_accept, ctl);
	loop_io_want(ctl->io, LOOP_READ);
	return ctl;
}

struct victims {
	const struct control *ctl;
	struct call *one;
};

static void
pick_victim(uint64_t id MX_UNUSED, void *value, void *arg)
{
	struct call *c = value;
	struct victims *v = arg;

	if (c->ctl == v->ctl)
		v->one = c;
}

void
control_destroy(struct control **ctlp)
{
	struct control *ctl = *ctlp;
	struct victims v = { .ctl = ctl };

	if (ctl == NULL)
		return;
	while (ctl->n + ctl->pages > 0) {
		v.one = NULL;
		idmap_each(&calls, pick_victim, &v);
		MX_ASSERT(v.one != NULL);
		call_destroy(v.one);
	}
	if (idmap_len(&calls) == 0)
		idmap_fini(&calls);
	loop_io_destroy(&ctl->io);
	loop_timer_destroy(&ctl->rest);
	local_socket_close(&ctl->socket, ctl->path);
	happened_destroy(&ctl->happened);
	mem_free(&ctl->path);
	mem_free(ctlp);
}
