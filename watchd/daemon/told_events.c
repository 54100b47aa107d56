/* SPDX-License-Identifier: ISC
 * told_events: notices as lines of `mxwatchctl events`. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/daemon_int.h"

static void
flush_text(const struct notice *n, char *dst, size_t size)
{
	if (n->kind == NOTICE_FLUSH_BEGIN)
		(void)snprintf(dst, size, "flush of %lld messages started (%s)",
		    (long long)n->a, n->text);
	else
		(void)snprintf(dst, size, "flush %s, %lld messages tried (%s)",
		    n->b != 0 ? "finished" : "interrupted", (long long)n->a,
		    n->text);
}

static void
event_text(const struct notice *n, char *dst, size_t size)
{
	const char *sep = n->text[0] != '\0' ? ": " : "";

	switch (n->kind) {
	case NOTICE_STATE:
		(void)snprintf(dst, size, "%s -> %s%s%s",
		    health_state_name((enum health_state)n->a),
		    health_state_name((enum health_state)n->b), sep, n->text);
		break;
	case NOTICE_PRIMARY:
		/* The text of one that is up is its answer to EHLO. */
		(void)snprintf(dst, size, "%s%s%s", n->a != 0 ? "up" : "down",
		    n->a != 0 ? "" : sep, n->a != 0 ? "" : n->text);
		break;
	case NOTICE_FLUSH_BEGIN:
	case NOTICE_FLUSH_END:
		flush_text(n, dst, size);
		break;
	case NOTICE_EXPIRED:
		(void)snprintf(dst, size, "%lld recipients expired",
		    (long long)n->a);
		break;
	case NOTICE_BREAKER:
		(void)snprintf(dst, size, "the breaker %s%s%s",
		    n->a != 0 ? "has tripped" : "is reset", sep, n->text);
		break;
	case NOTICE_SELF_MX:
		(void)snprintf(dst, size,
		    "this server seems to be its best MX%s%s", sep, n->text);
		break;
	case NOTICE_SPOOL:
		(void)snprintf(dst, size, "the spool is %s%s%s",
		    store_state_name((enum store_state)n->a), sep, n->text);
		break;
	case NOTICE_RELOAD:
		(void)snprintf(dst, size, "the configuration %s",
		    n->a != 0 ? "was reloaded" :
				"has errors; the old one stays in force");
		break;
	}
}

void
daemon_event(struct daemon *d, const struct notice *n)
{
	static const char *const what[] = { [NOTICE_STATE] = "state",
		[NOTICE_PRIMARY] = "primary",
		[NOTICE_FLUSH_BEGIN] = "flush",
		[NOTICE_FLUSH_END] = "flush",
		[NOTICE_EXPIRED] = "expired",
		[NOTICE_BREAKER] = "breaker",
		[NOTICE_SELF_MX] = "route",
		[NOTICE_SPOOL] = "spool",
		[NOTICE_RELOAD] = "reload" };
	char text[400] = "";

	event_text(n, text, sizeof(text));
	if (d->control != NULL)
		control_event(d->control,
		    &(struct control_event){ .wall = n->wall,
			.what = what[n->kind],
			.domain = n->domain,
			.host = n->host,
			.text = text });
}

void
daemon_event_drill(struct daemon *d, const char *domain, const char *text)
{
	if (d->control != NULL)
		control_event(d->control,
		    &(struct control_event){ .wall = clock_wall(),
			.what = "drill",
			.domain = domain,
			.host = "",
			.text = text });
}

void
daemon_event_told(struct daemon *d, const char *name, const char *receiver,
    const char *what, int64_t wall)
{
	char text[200];

	(void)snprintf(text, sizeof(text), "%s notified of %s", receiver, what);
	if (d->control != NULL)
		control_event(d->control,
		    &(struct control_event){ .wall = wall,
			.what = "alert",
			.domain = name,
			.host = "",
			.text = text });
}
