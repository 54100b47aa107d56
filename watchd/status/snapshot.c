/* SPDX-License-Identifier: ISC
 * snapshot: blocks, their copy-on-write list in chunks, and the box in which
 * the loop puts the newest one for other threads. */
#include "status/snapshot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct snapshot_box {
	pthread_mutex_t lock;
	struct snapshot *newest;
};

static void
take_ref(unsigned *refs)
{
	__atomic_add_fetch(refs, 1, __ATOMIC_RELAXED);
}

/* True: it was the last one. */
static bool
drop_ref(unsigned *refs)
{
	return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
}

/* ---- blocks */

static size_t
block_size(unsigned nprimaries)
{
	return sizeof(struct snap_domain) +
	    nprimaries * sizeof(struct snap_primary);
}

static size_t
verdicts_size(const struct snap_domain *d)
{
	return d->nverdicts * sizeof(struct snap_verdict);
}

struct snap_domain *
snap_domain_create(const char *name, unsigned nprimaries)
{
	size_t fixed = block_size(nprimaries), len = strlen(name) + 1;
	struct snap_domain *d = mem_alloc(fixed + len);

	memcpy((char *)d + fixed, name, len);
	d->name = (char *)d + fixed;
	d->cause = d->trouble = d->breaker_reply = d->breaker_primary = "";
	d->list = d->list_trouble = "";
	d->maintenance.name = d->maintenance.reason = "";
	d->redirect.to = d->redirect.instead_of = d->redirect.reason = "";
	d->drill.text = "";
	d->owner = "";
	d->ours = true;
	d->nprimaries = nprimaries;
	for (unsigned i = 0; i < nprimaries; i++)
		d->primary[i].label = d->primary[i].text =
		    d->primary[i].finding = "";
	d->refs = 1;
	return d;
}

/* Appends strings behind the primaries. Without room: only computes the
 * size. */
static size_t
put_string(char *room, size_t at, const char **s)
{
	size_t len = strlen(*s) + 1;

	if (room != NULL) {
		memcpy(room + at, *s, len);
		*s = room + at;
	}
	return at + len;
}

/* verdict: the entries to fix up: those of `d`, or the copy's if there is
 * room. */
static size_t
put_strings(char *room, struct snap_domain *d, struct snap_verdict *verdict)
{
	size_t at = 0;

	at = put_string(room, at, &d->name);
	at = put_string(room, at, &d->cause);
	at = put_string(room, at, &d->trouble);
	at = put_string(room, at, &d->breaker_reply);
	at = put_string(room, at, &d->breaker_primary);
	at = put_string(room, at, &d->list);
	at = put_string(room, at, &d->list_trouble);
	at = put_string(room, at, &d->maintenance.name);
	at = put_string(room, at, &d->maintenance.reason);
	at = put_string(room, at, &d->redirect.to);
	at = put_string(room, at, &d->redirect.instead_of);
	at = put_string(room, at, &d->redirect.reason);
	at = put_string(room, at, &d->drill.text);
	at = put_string(room, at, &d->owner);
	for (unsigned i = 0; i < d->nverdicts; i++) {
		at = put_string(room, at, &verdict[i].node);
		at = put_string(room, at, &verdict[i].cause);
	}
	for (unsigned i = 0; i < d->nprimaries; i++) {
		at = put_string(room, at, &d->primary[i].label);
		at = put_string(room, at, &d->primary[i].text);
		at = put_string(room, at, &d->primary[i].finding);
	}
	return at;
}

struct snap_domain *
snap_domain_copy(const struct snap_domain *from)
{
	size_t fixed = block_size(from->nprimaries);
	size_t verdicts = verdicts_size(from);
	struct snap_verdict *verdict;
	struct snap_domain *d;

	d = mem_alloc(fixed + verdicts +
	    put_strings(NULL, (struct snap_domain *)(uintptr_t)from,
		(struct snap_verdict *)(uintptr_t)from->verdict));
	memcpy(d, from, fixed);
	verdict = (struct snap_verdict *)(void *)((char *)d + fixed);
	if (verdicts > 0)
		memcpy(verdict, from->verdict, verdicts);
	d->verdict = verdict;
	(void)put_strings((char *)d + fixed + verdicts, d, verdict);
	d->refs = 1;
	return d;
}

struct snap_domain *
snap_domain_ref(struct snap_domain *d)
{
	take_ref(&d->refs);
	return d;
}

void
snap_domain_unref(struct snap_domain **dp)
{
	struct snap_domain *d = *dp;

	*dp = NULL;
	if (d != NULL && drop_ref(&d->refs))
		mem_free(&d);
}

/* ---- the list */

static void
chunk_unref(struct snap_chunk **cp)
{
	struct snap_chunk *c = *cp;

	*cp = NULL;
	if (c == NULL || !drop_ref(&c->refs))
		return;
	for (unsigned i = 0; i < SNAP_CHUNK; i++)
		snap_domain_unref(&c->domain[i]);
	mem_free(&c);
}

static struct snap_chunk *
chunk_create(void)
{
	struct snap_chunk *c = mem_alloc(sizeof(*c));

	c->refs = 1;
	return c;
}

/* The chunk for writing, owned by this list alone. It cannot gain a reference
 * meanwhile: only the owner of a list shares it. */
static struct snap_chunk *
chunk_own(struct snap_chunk **cp)
{
	struct snap_chunk *mine, *c = *cp;

	if (__atomic_load_n(&c->refs, __ATOMIC_ACQUIRE) == 1)
		return c;
	mine = chunk_create();
	for (unsigned i = 0; i < SNAP_CHUNK && c->domain[i] != NULL; i++)
		mine->domain[i] = snap_domain_ref(c->domain[i]);
	chunk_unref(cp);
	*cp = mine;
	return mine;
}

double
snap_lifetime_used(const struct snap_domain *d, int64_t wall_ms)
{
	if (d->ripest_ms == 0 || d->ripest_life_ms <= 0 ||
	    d->ripest_ms > wall_ms)
		return 0;
	return (double)(wall_ms - d->ripest_ms) / (double)d->ripest_life_ms;
}

int64_t
snap_stuck_ms(const struct snap_domain *d, int64_t wall_ms)
{
	int64_t from = d->oldest_live_ms;

	if (d->state != HEALTH_UP || d->on_hold || d->maintenance.hold ||
	    from == 0 || d->active + d->deferred <= d->owed)
		return 0;
	if (from < d->state_since * 1000)
		from = d->state_since * 1000;
	return from < wall_ms ? wall_ms - from : 0;
}

double
snap_probe_seconds(const double *phase_seconds)
{
	double sum = 0;

	for (unsigned i = 0; i < SMTP_PHASE_MAX; i++)
		sum += phase_seconds[i];
	return sum;
}

const struct snap_domain *
snap_list_at(const struct snap_list *l, unsigned i)
{
	return l->chunk[i / SNAP_CHUNK]->domain[i % SNAP_CHUNK];
}

unsigned
snap_list_place(const struct snap_list *l, const char *name, bool *found)
{
	unsigned lo = 0, hi = l->n, mid;
	int c;

	*found = false;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(name, snap_list_at(l, mid)->name);
		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
snap_list_replace(struct snap_list *l, unsigned i, struct snap_domain **d)
{
	struct snap_chunk *c = chunk_own(&l->chunk[i / SNAP_CHUNK]);

	snap_domain_unref(&c->domain[i % SNAP_CHUNK]);
	c->domain[i % SNAP_CHUNK] = *d;
	*d = NULL;
}

/* Consumes the reference. */
static void
list_append(struct snap_list *l, struct snap_domain *d)
{
	if (l->n % SNAP_CHUNK == 0) {
		l->chunk = mem_grow(l->chunk, l->nchunks + 1,
		    sizeof(struct snap_chunk *));
		l->chunk[l->nchunks++] = chunk_create();
	}
	chunk_own(&l->chunk[l->nchunks - 1])->domain[l->n % SNAP_CHUNK] = d;
	l->n++;
}

void
snap_list_merge(struct snap_list *l, struct snap_domain **d, unsigned n)
{
	struct snap_list old = *l;
	struct snap_domain *at;
	unsigned i = 0, j = 0;

	if (n == 0)
		return;
	/* At the start they come in order. */
	if (old.n == 0 ||
	    strcmp(snap_list_at(&old, old.n - 1)->name, d[0]->name) < 0) {
		for (; j < n; d[j++] = NULL)
			list_append(l, d[j]);
		return;
	}
	*l = (struct snap_list){ 0 };
	while (i < old.n || j < n) {
		at = i < old.n ?
		    (struct snap_domain *)(uintptr_t)snap_list_at(&old, i) :
		    NULL;
		if (at != NULL &&
		    (j == n || strcmp(at->name, d[j]->name) < 0)) {
			list_append(l, snap_domain_ref(at));
			i++;
		} else {
			list_append(l, d[j]);
			d[j++] = NULL;
		}
	}
	snap_list_fini(&old);
}

void
snap_list_drop(struct snap_list *l, const char *const *name, unsigned n)
{
	struct snap_list old = *l;
	struct snap_domain *at;
	unsigned j = 0;

	if (n == 0)
		return;
	*l = (struct snap_list){ 0 };
	for (unsigned i = 0; i < old.n; i++) {
		at = (struct snap_domain *)(uintptr_t)snap_list_at(&old, i);
		while (j < n && strcmp(name[j], at->name) < 0)
			j++;
		if (j == n || strcmp(name[j], at->name) != 0)
			list_append(l, snap_domain_ref(at));
	}
	snap_list_fini(&old);
}

void
snap_list_share(struct snap_list *dst, const struct snap_list *src)
{
	dst->n = src->n;
	dst->nchunks = src->nchunks;
	dst->chunk = mem_array(src->nchunks + 1, sizeof(struct snap_chunk *));
	for (unsigned i = 0; i < src->nchunks; i++) {
		take_ref(&src->chunk[i]->refs);
		dst->chunk[i] = src->chunk[i];
	}
}

void
snap_list_fini(struct snap_list *l)
{
	for (unsigned i = 0; i < l->nchunks; i++)
		chunk_unref(&l->chunk[i]);
	mem_free(&l->chunk);
	l->n = l->nchunks = 0;
}

/* ---- alerts */

struct snap_alerts *
snap_alerts_create(unsigned nalerts, unsigned nreceivers, unsigned nheartbeats)
{
	struct snap_alerts *a = mem_alloc(sizeof(*a));

	a->refs = 1;
	a->alert = mem_array(nalerts + 1, sizeof(a->alert[0]));
	a->receiver = mem_array(nreceivers + 1, sizeof(a->receiver[0]));
	a->heartbeat = mem_array(nheartbeats + 1, sizeof(a->heartbeat[0]));
	a->nalerts = nalerts;
	a->nreceivers = nreceivers;
	a->nheartbeats = nheartbeats;
	return a;
}

struct snap_alerts *
snap_alerts_ref(struct snap_alerts *a)
{
	take_ref(&a->refs);
	return a;
}

void
snap_alerts_unref(struct snap_alerts **ap)
{
	struct snap_alerts *a = *ap;

	*ap = NULL;
	if (a == NULL || !drop_ref(&a->refs))
		return;
	mem_free(&a->alert);
	mem_free(&a->firing);
	mem_free(&a->list);
	mem_free(&a->text);
	mem_free(&a->receiver);
	mem_free(&a->heartbeat);
	mem_free(&a);
}

struct snap_doctor *
snap_doctor_create(unsigned max)
{
	struct snap_doctor *sd = mem_alloc(sizeof(*sd));

	sd->refs = 1;
	sd->finding = mem_array(max, sizeof(*sd->finding));
	return sd;
}

struct snap_doctor *
snap_doctor_ref(struct snap_doctor *sd)
{
	take_ref(&sd->refs);
	return sd;
}

void
snap_doctor_unref(struct snap_doctor **sdp)
{
	struct snap_doctor *sd = *sdp;

	*sdp = NULL;
	if (sd == NULL || !drop_ref(&sd->refs))
		return;
	for (unsigned i = 0; i < sd->nfindings; i++) {
		mem_free(&sd->finding[i].domain);
		mem_free(&sd->finding[i].text);
		mem_free(&sd->finding[i].remedy);
	}
	mem_free(&sd->finding);
	mem_free(&sd);
}

unsigned
snap_doctor_count(const struct snapshot *s, enum doctor_severity severity)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DOCTOR_CHECK_MAX; i++)
		n += s->doctor_findings[severity][i];
	return n;
}

static int
firing_cmp(const void *a, const void *b)
{
	return strcmp(((const struct snap_firing *)a)->domain,
	    ((const struct snap_firing *)b)->domain);
}

/* The objects of a scope with firing alerts, each once. */
static struct snap_firing *
firing_of(const struct snap_alerts *a, enum alert_scope scope, unsigned *np)
{
	struct snap_firing *f = mem_array(a->nalerts + 1, sizeof(*f));
	unsigned n = 0, k = 0;

	for (unsigned i = 0; i < a->nalerts; i++)
		if (a->alert[i].firing &&
		    alert_scope(a->alert[i].kind) == scope)
			f[n++] = (struct snap_firing){ a->alert[i].domain,
				UINT32_C(1) << a->alert[i].kind };
	qsort(f, n, sizeof(*f), firing_cmp);
	for (unsigned i = 1; i < n; i++) {
		if (firing_cmp(&f[k], &f[i]) == 0)
			f[k].alerts |= f[i].alerts;
		else
			f[++k] = f[i];
	}
	*np = n > 0 ? k + 1 : 0;
	return f;
}

void
snap_alerts_index(struct snap_alerts *a)
{
	struct snap_firing *daemon;
	unsigned n;

	daemon = firing_of(a, ALERT_SCOPE_GLOBAL, &n);
	a->daemon = n > 0 ? daemon->alerts : 0; /* a single one, named "" */
	mem_free(&daemon);
	mem_free(&a->firing);
	a->firing = firing_of(a, ALERT_SCOPE_DOMAIN, &a->nfiring);
	mem_free(&a->list);
	a->list = firing_of(a, ALERT_SCOPE_LIST, &a->nlists);
}

static uint32_t
firing_find(const struct snap_firing *list, unsigned n, const char *name)
{
	const struct snap_firing key = { name, 0 }, *f;

	if (n == 0)
		return 0;
	f = bsearch(&key, list, n, sizeof(key), firing_cmp);
	return f != NULL ? f->alerts : 0;
}

uint32_t
snap_alerts_of(const struct snap_alerts *a, const char *domain)
{
	return firing_find(a->firing, a->nfiring, domain);
}

/* ---- the snapshot */

struct snapshot *
snapshot_create(void)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

	s->told = snap_alerts_create(0, 0, 0);
	s->refs = 1;
	return s;
}

struct snap_domain *
snapshot_add(struct snapshot *s, const char *name, unsigned nprimaries)
{
	struct snap_domain *d = snap_domain_create(name, nprimaries);

	list_append(&s->domains, d);
	return d;
}

void
snapshot_tell(struct snapshot *s, struct snap_alerts **told)
{
	snap_alerts_unref(&s->told);
	s->told = *told;
	s->alerts = s->told->daemon;
	for (unsigned i = 0; i < s->ndnsbls; i++)
		s->dnsbl[i].alerts = firing_find(s->told->list, s->told->nlists,
		    s->dnsbl[i].zone);
	*told = NULL;
}

const struct snap_domain *
snapshot_find(const struct snapshot *s, const char *name)
{
	bool found;
	unsigned i = snap_list_place(&s->domains, name, &found);

	return found ? snap_list_at(&s->domains, i) : NULL;
}

struct snap_server *
snap_server_create(void)
{
	struct snap_server *v = mem_alloc(sizeof(*v));

	v->refs = 1;
	return v;
}

struct snap_server *
snap_server_ref(struct snap_server *v)
{
	__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
	return v;
}

void
snap_server_unref(struct snap_server **vp)
{
	struct snap_server *v = *vp;

	*vp = NULL;
	if (v != NULL && __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) == 0)
		mem_free(&v);
}

struct snap_node *
snapshot_nodes(struct snapshot *s, unsigned nnodes)
{
	MX_ASSERT(s->cluster.node_list == NULL);
	s->cluster.node_list =
	    mem_array(nnodes + 1, sizeof(s->cluster.node_list[0]));
	s->cluster.nnodes = nnodes;
	return s->cluster.node_list;
}

void
snapshot_servers(struct snapshot *s, unsigned nservers)
{
	MX_ASSERT(s->server == NULL);
	s->server = mem_array(nservers + 1, sizeof(s->server[0]));
	s->nservers = nservers;
}

const struct snap_server *
snapshot_server(const struct snapshot *s, const char *label)
{
	unsigned low = 0, high = s->nservers, mid;
	int rc;

	while (low < high) {
		mid = low + (high - low) / 2;
		rc = strcmp(label, s->server[mid]->label);
		if (rc == 0)
			return s->server[mid];
		if (rc < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

struct snapshot *
snapshot_ref(struct snapshot *s)
{
	take_ref(&s->refs);
	return s;
}

static void
snapshot_free(struct snapshot *s)
{
	for (unsigned i = 0; i < s->nservers; i++)
		snap_server_unref(&s->server[i]);
	mem_free(&s->server);
	mem_free(&s->dnsbl);
	mem_free(&s->cluster.node_list);
	snap_list_fini(&s->domains);
	snap_doctor_unref(&s->doctor);
	snap_alerts_unref(&s->told);
	mem_free(&s);
}

void
snapshot_unref(struct snapshot **sp)
{
	struct snapshot *s = *sp;

	*sp = NULL;
	if (s != NULL && drop_ref(&s->refs))
		snapshot_free(s);
}

/* The holder of the only reference is the only one who could pass on
 * another. */
bool
snapshot_unref_some(struct snapshot **sp, unsigned chunks)
{
	struct snapshot *s = *sp;
	struct snap_list *l;

	if (s == NULL)
		return false;
	l = &s->domains;
	if (__atomic_load_n(&s->refs, __ATOMIC_ACQUIRE) == 1)
		for (; chunks > 0 && l->nchunks > 0; chunks--)
			chunk_unref(&l->chunk[--l->nchunks]);
	if (chunks == 0 && l->nchunks > 0)
		return true;
	snapshot_unref(sp);
	return false;
}

struct snapshot_box *
snapshot_box_create(void)
{
	struct snapshot_box *b = mem_alloc(sizeof(*b));

	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
snapshot_box_destroy(struct snapshot_box **bp)
{
	struct snapshot_box *b = *bp;

	if (b == NULL)
		return;
	snapshot_unref(&b->newest);
	pthread_mutex_destroy(&b->lock);
	mem_free(bp);
}

struct snapshot *
snapshot_box_swap(struct snapshot_box *b, struct snapshot *s)
{
	struct snapshot *old;

	pthread_mutex_lock(&b->lock);
	old = b->newest;
	b->newest = s;
	pthread_mutex_unlock(&b->lock);
	return old;
}

void
snapshot_box_put(struct snapshot_box *b, struct snapshot *s)
{
	struct snapshot *old = snapshot_box_swap(b, s);

	snapshot_unref(&old);
}

struct snapshot *
snapshot_box_get(struct snapshot_box *b)
{
	struct snapshot *s;

	pthread_mutex_lock(&b->lock);
	s = b->newest != NULL ? snapshot_ref(b->newest) : NULL;
	pthread_mutex_unlock(&b->lock);
	return s;
}
