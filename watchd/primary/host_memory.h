/* SPDX-License-Identifier: ISC
 * host_memory: what was learned of hosts and is kept over a restart. A table of
 * records of three kinds, each bounded in number (the least recently learned
 * are evicted):
 *
 *	host     by address set (host_key()): messages a connection, recipients
 *	         a transaction, ceiling and the wait before it is tried again,
 *	         pause between messages, latency; each of them for a day
 *	address  when TLS worked there last, so that a restart does not make a
 *	         downgrade to clear possible sooner; for a day
 *	primary  by label: since when it has no TLS any more, which it had
 *
 * Each lesson is recorded at once; the file is rewritten later, off the loop,
 * when its content would differ. Times in the table are monotonic, so that a
 * step of the clock changes none; in the file they are wall seconds, and one in
 * the future is taken for now. One text line a record, its fields in the order
 * of host_memory.c, 0 for an unknown value:
 *
 *	mxwatch-hosts 1
 *	host 100 1700000000 0 0 5 30000 1700000000 0 0 850000 1700000000  192.0.2.7:25
 *	address 1700000000 192.0.2.7:25
 *	primary 1700000000 0 1700000000 mx.example.org
 *	end 3
 *
 * (The blank before an address set stands for an unset source address.) Loop
 * thread, except for copies as noted. All functions but create and destroy
 * accept NULL for the memory and then do nothing. */
#ifndef MX_PRIMARY_HOST_MEMORY_H
#define MX_PRIMARY_HOST_MEMORY_H

#include "primary/address.h"
#include "primary/host.h"

/* Records of each kind, about 200 bytes each. Not an option: the limits of an
 * evicted host are simply learned again. */
#define HOST_MEMORY_MAX	     8192
#define HOST_MEMORY_FILE_MAX ((size_t)16 << 20)

struct host_memory;
struct host_memory *host_memory_create(unsigned max); /* of each kind; > 0 */
void host_memory_destroy(struct host_memory **);
size_t host_memory_len(const struct host_memory *);

/* ---- what is learned, and what was; `now` is monotonic ns */

void host_memory_host(struct host_memory *, const char *key,
    const struct host *, int64_t now);
/* Restores what is recorded into a host of which nothing is known yet. */
void host_memory_recall(const struct host_memory *, const char *key,
    struct host *, int64_t now);
/* Clears the recorded stumble (host_stumble_forget()), also of a host that was
 * not met since the start. */
void host_memory_stumble_forget(struct host_memory *, const char *key);
void host_memory_address(struct host_memory *, const struct net_addr *,
    const struct address *, int64_t now);
/* Restores all of them into an empty book. */
void host_memory_addresses(const struct host_memory *, struct address_book *);
/* Both times are wall seconds, 0 for never. */
void host_memory_primary(struct host_memory *, const char *label,
    int64_t tls_last, int64_t fallback_since, int64_t now);
void host_memory_recall_primary(const struct host_memory *, const char *label,
    int64_t *tls_last, int64_t *fallback_since);

/* ---- the file */

/* A text that is not whole and correct is refused, -MX_ECORRUPT, and leaves the
 * memory empty. */
int host_memory_parse(struct host_memory *, const char *text, size_t len,
    int64_t now, int64_t wall) MX_NODISCARD;
/* -MX_ENOENT, -MX_ETOOBIG, -MX_ESYS, -MX_ECORRUPT: the memory is empty then. */
int host_memory_read(struct host_memory *, const char *path, int64_t now,
    int64_t wall) MX_NODISCARD;
/* True when the file would differ from the last read or copy by more than
 * refreshed times. */
bool host_memory_changed(const struct host_memory *);

/* A copy of all records that are recent enough, for a thread that may wait for
 * the disk. */
struct host_memory_copy;
struct host_memory_copy *
host_memory_copy(struct host_memory *, int64_t now, int64_t wall);
void host_memory_copy_destroy(struct host_memory_copy **);
/* Replaces the file (base/file.h). Any thread. */
int host_memory_write(const struct host_memory_copy *,
    const char *path) MX_NODISCARD;

#endif
