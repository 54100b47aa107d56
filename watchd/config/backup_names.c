/* SPDX-License-Identifier: ISC
 * backup_names: a tree of names under a lock. */
#include "config/backup_names.h"

#include <sys/tree.h>

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct backup_name {
	RB_ENTRY(backup_name) node;
	char name[TEXT_DOMAIN_MAX];
};
RB_HEAD(backup_tree, backup_name);

struct backup_names {
	unsigned refs; /* atomic */
	pthread_mutex_t lock; /* of the tree */
	struct backup_tree tree;
};

static int
name_cmp(const struct backup_name *a, const struct backup_name *b)
{
	return strcmp(a->name, b->name);
}
RB_GENERATE_INTERNAL(backup_tree, backup_name, node, name_cmp, static MX_UNUSED)

struct backup_names *
backup_names_create(void)
{
	struct backup_names *s = mem_alloc(sizeof(*s));

	s->refs = 1;
	(void)pthread_mutex_init(&s->lock, NULL);
	RB_INIT(&s->tree);
	return s;
}

struct backup_names *
backup_names_ref(struct backup_names *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
backup_names_unref(struct backup_names **sp)
{
	struct backup_names *s = *sp;
	struct backup_name *n;

	*sp = NULL;
	if (s == NULL || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	while ((n = RB_ROOT(&s->tree)) != NULL) {
		RB_REMOVE(backup_tree, &s->tree, n);
		mem_free(&n);
	}
	(void)pthread_mutex_destroy(&s->lock);
	mem_free(&s);
}

static struct backup_name *
find(struct backup_names *s, const char *name)
{
	struct backup_name key;

	strlcpy(key.name, name, sizeof(key.name));
	return RB_FIND(backup_tree, &s->tree, &key);
}

void
backup_names_add(struct backup_names *s, const char *name)
{
	struct backup_name *n = mem_alloc(sizeof(*n)), *there;

	strlcpy(n->name, name, sizeof(n->name));
	(void)pthread_mutex_lock(&s->lock);
	there = RB_INSERT(backup_tree, &s->tree, n);
	(void)pthread_mutex_unlock(&s->lock);
	if (there != NULL)
		mem_free(&n);
}

void
backup_names_drop(struct backup_names *s, const char *name)
{
	struct backup_name *n;

	(void)pthread_mutex_lock(&s->lock);
	n = find(s, name);
	if (n != NULL)
		RB_REMOVE(backup_tree, &s->tree, n);
	(void)pthread_mutex_unlock(&s->lock);
	mem_free(&n);
}

bool
backup_names_has(struct backup_names *s, const char *name)
{
	bool has;

	(void)pthread_mutex_lock(&s->lock);
	has = find(s, name) != NULL;
	(void)pthread_mutex_unlock(&s->lock);
	return has;
}

bool
backup_names_next(struct backup_names *s, char name[TEXT_DOMAIN_MAX])
{
	struct backup_name key, *n;

	strlcpy(key.name, name, sizeof(key.name));
	(void)pthread_mutex_lock(&s->lock);
	n = RB_NFIND(backup_tree, &s->tree, &key);
	if (n != NULL && name[0] != '\0' && strcmp(n->name, name) == 0)
		n = RB_NEXT(backup_tree, &s->tree, n);
	if (n != NULL)
		strlcpy(name, n->name, TEXT_DOMAIN_MAX);
	(void)pthread_mutex_unlock(&s->lock);
	return n != NULL;
}

void
backup_names_attach(struct config *c, struct backup_names *s)
{
	MX_ASSERT(c->backups == NULL);
	c->backups = backup_names_ref(s);
}

bool
config_is_mx_backup(const struct config *c, const char *name)
{
	return config_settings(c, name) == &c->mx_backup.domain;
}
