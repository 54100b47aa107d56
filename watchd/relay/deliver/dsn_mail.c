/* SPDX-License-Identifier: ISC
 * dsn_mail: see dsn_mail.h. */
#include "relay/deliver/dsn_mail.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "relay/deliver/dsn_text.h"

int
dsn_mail_write(const struct config *conf, const struct envelope *env,
    enum dsn_action action, int64_t expiry_ms, uint64_t id,
    const struct store_loaded *l, struct buf *out)
{
	struct dsn_input in = { .reporting_mta = conf->hostname,
		.from = conf->dsn.postmaster,
		.env = env,
		.action = action,
		.now = clock_wall(),
		.retry_until = expiry_ms / 1000,
		.id = id,
		.boundary = rnd_u64(),
		.body = l->data != NULL ? l->data : "",
		.body_len = l->len,
		.body_whole = l->len == env->body.len,
		.body_max = (size_t)conf->dsn.size };
	char from[TEXT_DOMAIN_MAX + 16];

	if (in.from == NULL) {
		snprintf(from, sizeof(from), "postmaster@%s", conf->hostname);
		in.from = from;
	}
	return dsn_write(&in, out);
}

struct envelope *
dsn_mail_envelope(const struct config *conf, const struct smtp_path *to,
    const struct buf *text)
{
	struct envelope *env = envelope_create();

	mem_free(&env->sender);
	env->sender = mem_strdup("");
	strlcpy(env->domain, to->domain, sizeof(env->domain));
	env->arrival_ms = clock_wall_ms();
	env->flags = ENV_DSN;
	if (dsn_is_8bit(text->data, text->len))
		env->flags |= ENV_8BIT;
	if (dsn_is_8bit(to->mailbox, strlen(to->mailbox)))
		env->flags |= ENV_UTF8;
	mem_free(&env->helo);
	env->helo = mem_strdup(conf->hostname);
	mem_free(&env->client);
	env->client = mem_strdup("");
	(void)envelope_add_rcpt(env, to->mailbox);
	return env;
}
