/* SPDX-License-Identifier: ISC
 * sim_store: relay/store/store.h in memory and virtual time, by link-time
 * substitution: what is handed in completes in order after a few ms. Bodies
 * are not kept: every message is empty. What is durable is a table of
 * envelopes that outlives the struct store, so that a crash is
 * sim_store_crash(), then to open it again. */
#ifndef MX_TESTS_SIM_STORE_H
#define MX_TESTS_SIM_STORE_H

#include "relay/store/store.h"

struct sim_store_hooks {
	void (*committed)(const struct envelope *);
	/* `env` as it was stored last. */
	void (*removed)(const struct envelope *);
	void (*updated)(const struct envelope *was, const struct envelope *is);
};

/* Empties the disk. `delay_ms` is what each operation takes. */
void sim_store_format(const struct sim_store_hooks *, int64_t delay_ms);
size_t sim_store_count(void); /* records */
/* What was not completed is lost when it is closed next. */
void sim_store_crash(void);
void sim_store_each(void (*fn)(uint64_t id, void *env, void *arg), void *arg);

#endif
