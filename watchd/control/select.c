/* SPDX-License-Identifier: ISC
 * select: see select.h. */
#include "control/select.h"

#include <string.h>

#include "base/clock.h"
#include "control/verbs.h"
#include "net/prefix.h"

/* NULL: not given. */
static const char *
text_of(const struct call *c, uint64_t field, const char *key)
{
	return (c->fields & field) != 0 ? json_get_text(c->request, key) : NULL;
}

/* The time that long ago; 0: not given. */
static bool
read_age(struct call *c, uint64_t field, const char *key, int64_t *ms)
{
	const char *s = text_of(c, field, key);
	int64_t ago;

	if (s == NULL)
		return true;
	if (text_duration(s, &ago) != 0 || ago <= 0) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is not an age; write a number with a unit, such "
		    "as "
		    "2d",
		    s);
		return false;
	}
	*ms = clock_wall_ms() - ago;
	return true;
}

static bool
read_size(struct call *c, uint64_t field, const char *key, uint64_t *size)
{
	const char *s = text_of(c, field, key);

	if (s == NULL || (text_size(s, size) == 0 && *size > 0))
		return true;
	call_fail(c, CONTROL_REFUSED,
	    "\"%.60s\" is not a size; write a number of bytes, or one with a "
	    "unit, such as 1M",
	    s);
	return false;
}

static bool
read_client(struct call *c, const char **client)
{
	const char *s = text_of(c, FIELD_CLIENT, "client");

	if (s != NULL && !prefix_is_valid(s)) {
		call_fail(c, CONTROL_REFUSED,
		    "\"%.60s\" is neither an address nor a prefix, such as "
		    "192.0.2.0/24",
		    s);
		return false;
	}
	*client = s;
	return true;
}

static bool
read_states(struct call *c, unsigned *states)
{
	const char *s = text_of(c, FIELD_STATE, "state");
	size_t n;
	int i;

	for (; s != NULL; s = s[n] == ',' ? s + n + 1 : NULL) {
		n = strcspn(s, ",");
		for (i = MSG_DEFERRED; i < MSG_VAULT; i++) {
			const char *name = msg_state_name((enum msg_state)i);

			if (strlen(name) == n && strncmp(name, s, n) == 0)
				break;
		}
		if (i == MSG_VAULT) {
			call_fail(c, CONTROL_REFUSED,
			    "\"%.*s\" is not a state: deferred, active, held",
			    n < 60 ? (int)n : 60, s);
			return false;
		}
		*states |= 1u << i;
	}
	return true;
}

bool
select_read(struct call *c, struct selection *s)
{
	memset(s, 0, sizeof(*s));
	s->sender = text_of(c, FIELD_SENDER, "sender");
	s->rcpt = text_of(c, FIELD_RECIPIENT, "recipient");
	s->reply = text_of(c, FIELD_REPLY, "reply");
	s->domain = text_of(c, FIELD_PATTERN, "pattern");
	if ((c->fields & FIELD_SINCE) != 0)
		s->vaulted_ms = clock_wall_ms() - c->since_ms;
	return read_age(c, FIELD_OLDER, "older", &s->before_ms) &&
	    read_age(c, FIELD_YOUNGER, "younger", &s->after_ms) &&
	    read_size(c, FIELD_LARGER, "larger", &s->larger) &&
	    read_size(c, FIELD_SMALLER, "smaller", &s->smaller) &&
	    read_client(c, &s->client) && read_states(c, &s->states);
}

bool
select_has_part(const struct call *c, uint64_t id)
{
	if ((c->fields & FIELD_ID) == 0)
		return true;
	return c->all_parts ? id >> 8 == c->msg >> 8 : id == c->msg;
}

uint64_t
select_after(const struct call *c)
{
	return (c->fields & FIELD_ID) != 0 ? (c->msg & ~UINT64_C(0xff)) - 1 : 0;
}

bool
select_goes_on(const struct call *c, uint64_t next)
{
	return next != 0 &&
	    ((c->fields & FIELD_ID) == 0 || next >> 8 == c->msg >> 8);
}

bool
select_is_given(const struct call *c)
{
	return (c->fields & (FIELD_FILTERS | FIELD_PATTERN | FIELD_ALL)) != 0;
}

const char *
select_target(const struct call *c, char dst[TEXT_DOMAIN_MAX])
{
	if ((c->fields & FIELD_ID) != 0)
		text_id(c->msg, dst);
	else if ((c->fields & FIELD_ADDRESS) != 0)
		(void)strlcpy(dst, c->address, TEXT_DOMAIN_MAX);
	else if ((c->fields & FIELD_PATTERN) != 0)
		(void)strlcpy(dst, json_get_text(c->request, "pattern"),
		    TEXT_DOMAIN_MAX);
	else
		(void)strlcpy(dst, c->domain, TEXT_DOMAIN_MAX);
	return dst;
}
