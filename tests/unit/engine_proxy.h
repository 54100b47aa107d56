/* SPDX-License-Identifier: ISC
 * engine_proxy: a way to the server of KIT_ENGINE (PGHOST: a folder with its
 * socket) of its own, that can be shut: so a node of a test loses the engine while
 * others have it. A thread; its modes may be set by any. */
#ifndef MX_TESTS_ENGINE_PROXY_H
#define MX_TESTS_ENGINE_PROXY_H

enum engine_proxy_mode {
	ENGINE_PROXY_OPEN,
	ENGINE_PROXY_STALL, /* nothing goes either way, until it is open */
	ENGINE_PROXY_LOSE, /* the next that the server says is lost; then shut */
	ENGINE_PROXY_SHUT, /* connections are cut, and refused */
};

struct engine_proxy;

struct engine_proxy *engine_proxy_create(void);
void engine_proxy_destroy(struct engine_proxy **);
/* For libpq; borrowed. */
const char *engine_proxy_conninfo(const struct engine_proxy *);
/* It is so when this returns. */
void engine_proxy_set(struct engine_proxy *, enum engine_proxy_mode);
/* It opens by itself after that. */
void
engine_proxy_for(struct engine_proxy *, enum engine_proxy_mode, unsigned ms);
enum engine_proxy_mode engine_proxy_mode(const struct engine_proxy *);

#endif
