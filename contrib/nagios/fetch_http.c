/* SPDX-License-Identifier: ISC
 * fetch_http: a GET in HTTP/1.0, so that the answer ends with the connection
 * and is never chunked. Its size is limited, and an answer that is shorter than
 * its Content-Length is an error. */
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "fetch.h"

#define HEAD_MAX 65536

void
fetch_base64(const char *src, size_t len, char *dst)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v;

	for (size_t i = 0; i < len; i += 3) {
		v = (uint32_t)(unsigned char)src[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)(unsigned char)src[i + 1] << 8;
		if (i + 2 < len)
			v |= (unsigned char)src[i + 2];
		*dst++ = digit[v >> 18];
		*dst++ = digit[v >> 12 & 63];
		*dst++ = i + 1 < len ? digit[v >> 6 & 63] : '=';
		*dst++ = i + 2 < len ? digit[v & 63] : '=';
	}
	*dst = '\0';
}

/* The Content-Length of the header: -1 none, -2 invalid. */
static int64_t
content_length(const char *head)
{
	static const char key[] = "\r\nContent-Length:";
	const char *p = strcasestr(head, key);
	char digits[24] = "";
	int64_t v;

	if (p == NULL)
		return -1;
	p += sizeof(key) - 1;
	p += strspn(p, " \t");
	(void)snprintf(digits, sizeof(digits), "%.*s",
	    (int)strcspn(p, " \t\r\n"), p);
	return text_int(digits, 0, FETCH_MAX, &v) == 0 ? v : -2;
}

int
fetch_parse(struct buf *answer, long *status, struct mx_errbuf *eb)
{
	const char *text = buf_str(answer);
	char *end = answer->len > 0 ?
	    memmem(answer->data, answer->len, "\r\n\r\n", 4) :
	    NULL;
	size_t head;
	char code[4];
	int64_t v, length;

	if (end == NULL || end - answer->data > HEAD_MAX ||
	    strncmp(text, "HTTP/1.", 7) != 0 || strlen(text) < 13 ||
	    text[8] != ' ')
		return mx_fail(eb, MX_ESYNTAX, "the answer is not HTTP");
	(void)strlcpy(code, text + 9, sizeof(code));
	if (text_int(code, 100, 599, &v) != 0)
		return mx_fail(eb, MX_ESYNTAX, "the answer is not HTTP");
	end[2] = '\0';
	*status = (long)v;
	if (strcasestr(text, "\r\nTransfer-Encoding:") != NULL)
		return mx_fail(eb, MX_ESYNTAX,
		    "the answer is encoded, which was not asked for");
	length = content_length(text);
	head = (size_t)(end - answer->data) + 4;
	if (length == -2 ||
	    (length >= 0 && answer->len - head < (uint64_t)length))
		return mx_fail(eb, MX_ENET, "the answer is cut short");
	buf_drain(answer, head);
	return 0;
}

static int
dial(const struct fetch *f, struct mx_errbuf *eb)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
	int fd = -1, rc = getaddrinfo(f->host, f->port, &hints, &list);

	if (rc != 0)
		return mx_fail(eb, MX_ENET, "%s: %s", f->host,
		    gai_strerror(rc));
	for (a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		(void)mx_fail(eb, MX_ENET, "%s port %s: %s", f->host, f->port,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static char *
make_request(const struct fetch *f)
{
	size_t len = f->auth != NULL ? strlen(f->auth) : 0;
	char *coded = mem_alloc(4 * (len / 3 + 1) + 1), *request;
	bool v6 = strchr(f->host, ':') != NULL;

	if (f->auth != NULL)
		fetch_base64(f->auth, len, coded);
	request = mem_printf("GET " FETCH_PATH "%s%s HTTP/1.0\r\n"
			     "Host: %s%s%s:%s\r\nUser-Agent: check_mxwatch\r\n"
			     "Accept: application/json\r\n%s%s%s\r\n",
	    f->domain != NULL ? FETCH_DOMAIN : "",
	    f->domain != NULL ? f->domain : "", v6 ? "[" : "", f->host,
	    v6 ? "]" : "", f->port,
	    f->auth != NULL ? "Authorization: Basic " : "", coded,
	    f->auth != NULL ? "\r\n" : "");
	mem_free(&coded);
	return request;
}

int
fetch_plain(const struct fetch *f, struct buf *body, long *status,
    struct mx_errbuf *eb)
{
	char *request = NULL, chunk[16384];
	int fd = dial(f, eb), rc = -MX_ENET;
	size_t done = 0, len;
	ssize_t n;

	if (fd < 0)
		return rc;
	request = make_request(f);
	len = strlen(request);
	/* The server may answer before it has read all. */
	while (done < len &&
	    (n = send(fd, request + done, len - done, MSG_NOSIGNAL)) > 0)
		done += (size_t)n;
	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		rc = buf_add(body, chunk, (size_t)n);
		if (rc != 0) {
			(void)mx_fail(eb, MX_ETOOBIG, "the answer is too long");
			goto out;
		}
	}
	if (n < 0)
		rc = mx_fail(eb, MX_ENET, "%s port %s: %s", f->host, f->port,
		    strerror(errno));
	else
		rc = fetch_parse(body, status, eb);
out:
	mem_free(&request);
	close(fd);
	return rc;
}
