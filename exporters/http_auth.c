/* SPDX-License-Identifier: ISC
 * http_auth: the verdict on a name and a password. bcrypt runs on the thread
 * that serves the address, outside the lock; a keyed digest of correct
 * credentials is kept in memory, never a password. An entry that is too old is
 * no longer trusted, but it still exempts its owner from the rate limit, so
 * that somebody who guesses passwords cannot lock out the scraper. */
#include "exporters/http_auth.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>
#include <gnutls/crypto.h>

#include "base/clock.h"
#include "base/mem.h"
#include "exporters/http_auth_int.h"

#define DIGEST_LEN  32
#define REMEMBERED  64
#define TRUSTED_FOR (5 * 60 * CLOCK_SEC)
/* Attempts of one client: 3 at once, then one each 4 s; of all clients: 8, then
 * 3 a second (at cost 10, a fifth of a core). */
#define CLIENTS	     256
#define CLIENT_BURST 3
#define CLIENT_EVERY (4 * CLOCK_SEC)
#define ALL_BURST    8
#define ALL_EVERY    (CLOCK_SEC / 3)
#define HEADER_MAX   2048

/* A leaky bucket as the time at which it will be empty again (GCRA). */
struct bucket {
	int64_t empty_at;
};

struct remembered {
	unsigned char digest[DIGEST_LEN];
	int64_t until; /* 0: free */
};

struct http_auth {
	pthread_mutex_t lock;
	struct auth_users *users;
	unsigned generation; /* of the users */
	unsigned char key[DIGEST_LEN];
	struct remembered seen[REMEMBERED];
	struct bucket client[CLIENTS], all;
};

struct http_auth *
http_auth_create(struct auth_users **users)
{
	struct http_auth *a = mem_alloc(sizeof(*a));

	pthread_mutex_init(&a->lock, NULL);
	a->users = *users;
	*users = NULL;
	arc4random_buf(a->key, sizeof(a->key));
	return a;
}

void
http_auth_destroy(struct http_auth **ap)
{
	struct http_auth *a = *ap;

	if (a == NULL)
		return;
	auth_users_destroy(&a->users);
	pthread_mutex_destroy(&a->lock);
	explicit_bzero(a, sizeof(*a));
	mem_free(ap);
}

void
http_auth_replace(struct http_auth *a, struct auth_users **users)
{
	struct auth_users *old;

	pthread_mutex_lock(&a->lock);
	old = a->users;
	a->users = *users;
	a->generation++;
	memset(a->seen, 0, sizeof(a->seen));
	pthread_mutex_unlock(&a->lock);
	*users = NULL;
	auth_users_destroy(&old);
}

static bool
bucket_full(const struct bucket *b, int64_t now, int64_t every, int burst)
{
	return b->empty_at > now + every * (burst - 1);
}

static void
bucket_take(struct bucket *b, int64_t now, int64_t every)
{
	b->empty_at = (b->empty_at > now ? b->empty_at : now) + every;
}

/* Whether the client may make us compute a hash now; counts it if so. */
static bool
allow(struct http_auth *a, uint64_t client, int64_t now)
{
	struct bucket *b =
	    &a->client[(client * UINT64_C(0x9e3779b97f4a7c15)) >> 56];

	if (bucket_full(b, now, CLIENT_EVERY, CLIENT_BURST) ||
	    bucket_full(&a->all, now, ALL_EVERY, ALL_BURST))
		return false;
	bucket_take(b, now, CLIENT_EVERY);
	bucket_take(&a->all, now, ALL_EVERY);
	return true;
}

/* NULL: not verified with the present users (http_auth_replace() clears
 * all). */
static struct remembered *
find(struct http_auth *a, const unsigned char *digest)
{
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (a->seen[i].until != 0 &&
		    gnutls_memcmp(a->seen[i].digest, digest, DIGEST_LEN) == 0)
			return &a->seen[i];
	return NULL;
}

static void
keep(struct http_auth *a, const unsigned char *digest, int64_t now)
{
	struct remembered *r = find(a, digest);

	for (unsigned i = 0; r == NULL && i < REMEMBERED; i++)
		if (a->seen[i].until == 0)
			r = &a->seen[i];
	if (r == NULL) { /* evict the oldest */
		r = &a->seen[0];
		for (unsigned i = 1; i < REMEMBERED; i++)
			if (a->seen[i].until < r->until)
				r = &a->seen[i];
	}
	memcpy(r->digest, digest, DIGEST_LEN);
	r->until = now + TRUSTED_FOR;
}

/* Copies the hash of the user, or, for an unknown name, that of another user:
 * the response time must not tell which names exist. */
static bool
pick_hash(const struct auth_users *users, const char *name, char *hash,
    size_t size)
{
	const struct auth_user *u = NULL;

	for (size_t i = 0; i < users->n; i++)
		if (strcmp(users->user[i].name, name) == 0)
			u = &users->user[i];
	strlcpy(hash, (u != NULL ? u : &users->user[0])->hash, size);
	return u != NULL;
}

static bool
bcrypt_matches(const char *password, const char *hash)
{
	struct crypt_data *data = mem_alloc(sizeof(*data));
	const char *got = crypt_r(password, hash, data);
	bool same = got != NULL && strlen(got) == strlen(hash) &&
	    gnutls_memcmp(got, hash, strlen(hash)) == 0;

	explicit_bzero(data, sizeof(*data));
	mem_free(&data);
	return same;
}

static enum auth_verdict
judge(struct http_auth *a, const char *name, const char *password,
    const unsigned char *digest, uint64_t client, int64_t now)
{
	const struct remembered *r;
	char hash[128];
	unsigned generation;
	bool exists, right;

	pthread_mutex_lock(&a->lock);
	r = find(a, digest);
	if (r != NULL && now < r->until) {
		pthread_mutex_unlock(&a->lock);
		return AUTH_OK;
	}
	if (r == NULL && !allow(a, client, now)) {
		pthread_mutex_unlock(&a->lock);
		return AUTH_TOO_MANY;
	}
	exists = pick_hash(a->users, name, hash, sizeof(hash));
	generation = a->generation;
	pthread_mutex_unlock(&a->lock);

	right = bcrypt_matches(password, hash) && exists;

	pthread_mutex_lock(&a->lock);
	if (right && generation == a->generation)
		keep(a, digest, now);
	pthread_mutex_unlock(&a->lock);
	return right ? AUTH_OK : AUTH_WRONG;
}

enum auth_verdict
http_auth_check(struct http_auth *a, const char *header, uint64_t client,
    int64_t now)
{
	enum auth_verdict verdict = AUTH_WRONG;
	unsigned char digest[DIGEST_LEN];
	char text[HEADER_MAX];
	const char *password;

	if (header == NULL ||
	    auth_header_parse(header, text, sizeof(text), &password) != 0)
		return AUTH_WRONG;
	/* The verdict depends on exactly this: name, NUL, password. */
	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, a->key, sizeof(a->key), text,
		(size_t)(password - text) + strlen(password), digest) == 0)
		verdict = judge(a, text, password, digest, client, now);
	explicit_bzero(text, sizeof(text));
	return verdict;
}
