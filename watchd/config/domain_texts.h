/* SPDX-License-Identifier: ISC
 * domain_texts: the contents of a source of domains (elsewhere.h): the texts of
 * its files, ascending by name, or the one text that was fetched. Immutable
 * once complete, and reference counted; any thread. The last good one is kept
 * as one file of the spool. */
#ifndef MX_CONFIG_DOMAIN_TEXTS_H
#define MX_CONFIG_DOMAIN_TEXTS_H

#include "base/buf.h"
#include "base/err.h"

#define DOMAIN_TEXTS_MAX       (64u << 20) /* bytes of all */
#define DOMAIN_TEXTS_FILES_MAX 10000u

struct domain_texts;

/* `source` is its name as it may be shown (base/source_spec.h). */
struct domain_texts *domain_texts_create(const char *source);
struct domain_texts *domain_texts_ref(struct domain_texts *);
void domain_texts_unref(struct domain_texts **);
/* Copies the text; only while it is being built. `name` is for messages, "" for
 * a fetched text. -MX_ETOOBIG: too many texts, or too long. */
int domain_texts_add(struct domain_texts *, const char *name, const char *text,
    size_t len) MX_NODISCARD;

const char *domain_texts_source(const struct domain_texts *);
size_t domain_texts_count(const struct domain_texts *);
/* Borrowed. */
const char *domain_texts_at(const struct domain_texts *, size_t i,
    const char **name, size_t *len);
/* Are texts and names the same? NULL equals only NULL. */
bool
domain_texts_same(const struct domain_texts *, const struct domain_texts *);

/* Both block. The file is replaced atomically and has a checksum. NULL: no file
 * (*eb is empty), or it cannot be read. */
int domain_texts_save(const struct domain_texts *, const char *path,
    struct mx_errbuf *eb) MX_NODISCARD;
struct domain_texts *domain_texts_load(const char *path, struct mx_errbuf *eb);

#endif
