/* SPDX-License-Identifier: ISC
 * ctl_client: the client of the control socket. The daemon sends a line at
 * least every few seconds while it works; a longer silence means that it hangs,
 * and is reported as an error. */
#include "control/ctl_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/config.h"
#include "control/protocol.h"

#define ANSWER_MAX (256u * 1024 * 1024) /* of a line: status of 10^5 domains */
#define SILENCE_MS 120000

/* Finds `control = "PATH"` on a line of its own. It exists at the top level
 * only, so it can be read from a file with errors elsewhere. */
static char *
scan_file(const char *file)
{
	char line[4096], *s, *end, *path = NULL;
	FILE *f = fopen(file, "r");

	if (f == NULL)
		return NULL;
	while (path == NULL && fgets(line, sizeof(line), f) != NULL) {
		s = line + strspn(line, " \t");
		if (strncmp(s, "control", 7) != 0)
			continue;
		s += 7;
		s += strspn(s, " \t");
		if (*s++ != '=')
			continue;
		s += strspn(s, " \t");
		if (*s++ != '"' || (end = strpbrk(s, "\"\\")) == NULL ||
		    *end != '"')
			continue;
		path = mem_strndup(s, (size_t)(end - s));
	}
	fclose(f);
	return path;
}

char *
ctl_socket_path(const char *file, struct mx_errbuf *note)
{
	struct conf_errors errs = { 0 };
	/* Secrets may be unreadable for this user. */
	struct config *conf = config_load_as(file, &conf_reads_nothing, &errs);
	char *path;

	note->text[0] = '\0';
	if (conf != NULL)
		path = mem_strdup(conf->control);
	else if ((path = scan_file(file)) == NULL) {
		path = mem_strdup(MX_CONTROL_SOCKET);
		(void)mx_fail(note, MX_ESYNTAX,
		    "%s does not say where the daemon listens (%s); trying %s",
		    file, errs.n > 0 ? errs.e[0].text : "unreadable", path);
	}
	config_unref(&conf);
	conf_errors_fini(&errs);
	return path;
}

static int
dial(const char *path, struct mx_errbuf *eb)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *hint = "";
	int fd;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return mx_fail(eb, MX_ETOOBIG, "%s: the path is too long",
		    path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mx_fail(eb, MX_ESYS, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		hint = " (is mxwatchd running?)";
	else if (errno == EACCES)
		hint = " (are you in the daemon's group?)";
	(void)mx_fail(eb, MX_ENET, "%s: %s%s", path, strerror(errno), hint);
	close(fd);
	return -1;
}

bool
ctl_send_line(int fd, const char *text)
{
	char *line = mem_printf("%s\n", text);
	size_t len = strlen(line), done = 0;
	ssize_t n = 0;

	while (n >= 0 && done < len) {
		n = send(fd, line + done, len - done, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n > 0)
			done += (size_t)n;
	}
	mem_free(&line);
	return done == len;
}

/* A daemon with too many clients answers without reading: after a broken pipe
 * the answer is still read. */
static void
send_request(int fd, const cJSON *request)
{
	char *text = cJSON_PrintUnformatted(request);

	MX_ASSERT(text != NULL);
	(void)ctl_send_line(fd, text);
	cJSON_free(text);
}

static int
read_more(int fd, struct buf *in, struct mx_errbuf *eb)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char chunk[65536];
	ssize_t n;
	int rc;

	do {
		rc = poll(&p, 1, SILENCE_MS);
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return mx_fail(eb, MX_ENET,
		    "no answer from the daemon for %d s", SILENCE_MS / 1000);
	do {
		n = recv(fd, chunk, sizeof(chunk), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return mx_fail(eb, MX_ENET, "%s", strerror(errno));
	if (n == 0)
		return mx_fail(eb, MX_ENET, "the daemon closed the connection");
	if (buf_add(in, chunk, (size_t)n) != 0)
		return mx_fail(eb, MX_ETOOBIG, "the answer is too long");
	return 0;
}

/* Consumes the complete lines of `in`. 1: the last line of the answer was among
 * them. */
static int
take_lines(struct buf *in, size_t *seen, ctl_line_cb *cb, void *arg, int *rc,
    struct mx_errbuf *eb)
{
	size_t start = 0;
	bool done = false;
	cJSON *line;
	char *lf;

	while (!done &&
	    (lf = memchr(in->data + *seen, '\n', in->len - *seen)) != NULL) {
		*lf = '\0';
		line = cJSON_Parse(in->data + start);
		if (!cJSON_IsObject(line)) {
			cJSON_Delete(line);
			return mx_fail(eb, MX_ESYNTAX,
			    "cannot parse the daemon's answer");
		}
		done = json_get_bool(line, "done");
		if (done)
			*rc = json_get_num(line, "rc") == 0 ? CONTROL_OK :
			    json_get_num(line, "rc") == 2   ? CONTROL_REFUSED :
							      CONTROL_FAILED;
		cb(in->data + start, line, arg);
		cJSON_Delete(line);
		*seen = start = (size_t)(lf + 1 - in->data);
	}
	buf_drain(in, start);
	*seen = in->len;
	return done;
}

int
ctl_ask(const char *path, const cJSON *request, ctl_line_cb *cb, void *arg,
    struct mx_errbuf *eb)
{
	return ctl_ask_saying(path, request, NULL, cb, arg, eb);
}

int
ctl_ask_saying(const char *path, const cJSON *request, ctl_say_cb *say,
    ctl_line_cb *cb, void *arg, struct mx_errbuf *eb)
{
	struct buf in = BUF_INIT(ANSWER_MAX);
	size_t seen = 0;
	int fd = dial(path, eb), rc = -1, state;

	if (fd < 0)
		return -1;
	send_request(fd, request);
	if (say != NULL && say(fd, arg, eb) < 0) {
		close(fd);
		return -1;
	}
	do {
		state = read_more(fd, &in, eb);
		if (state == 0)
			state = take_lines(&in, &seen, cb, arg, &rc, eb);
	} while (state == 0);
	buf_fini(&in);
	close(fd);
	return state < 0 ? -1 : rc;
}
