/* SPDX-License-Identifier: ISC
 * store_share: three nodes that share a store take domains, give them away, take
 * mail, remove it, change small state, while their ways to the engine stall, are
 * cut and lose answers, nodes are killed and stopped, stand still and are fenced,
 * and the engine itself is killed. At no time do two of them hold a domain; in the
 * end each has been told of all the mail of its domains, and all know the same.
 *	tests/fault/store_share [SEED [TURNS]]	a turn is 5 ms
 * Needs KIT_ENGINE (tests/unit/over_postgresql). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/share_kit.h"
#include "tests/unit/store_kit.h"

#define DOMAINS	 10
#define KEYS	 6
#define MAILS	 20000
#define ASKED	 40 /* of a node, at once */
#define LEASE_MS 600

struct model;

struct mail_seen {
	uint64_t id;
	unsigned domain;
	enum { ASKED_FOR, MAYBE, THERE, REMOVING, GONE, MAYBE_GONE } is;
	bool known[SHARE_NODES]; /* its owner was told of it */
};

struct actor {
	struct model *model;
	struct share_node *node;
	unsigned index, asked;
	bool owns[DOMAINS]; /* as the store said */
	unsigned says[KEYS]; /* what it knows of small state */
	struct store_node seen[STORE_NODE_MAX + 1];
	int64_t since[STORE_NODE_MAX + 1]; /* it stands so */
	unsigned looks;
	int64_t start_at; /* monotonic */
	bool joining;
};

struct model {
	struct share share;
	uint64_t seed, first_seed;
	struct actor actors[SHARE_NODES];
	struct mail_seen mails[MAILS];
	unsigned nmails, value;
	/* how often; each has to be */
	unsigned takes, gives, fences, joins, kills, stops, ways, engines,
	    removed, told, arrived;
};

struct request {
	struct actor *actor;
	unsigned which; /* mail, key, domain */
	unsigned value;
};

static void
wrong(struct model *m, const char *what, unsigned which)
{
	fprintf(stderr, "store_share: seed %llu: %s: %u\n",
	    (unsigned long long)m->first_seed, what, which);
	abort();
}

static unsigned
chance(struct model *m, unsigned below)
{
	return (unsigned)kit_chance(&m->seed, below);
}

static struct request *
ask(struct actor *a, unsigned which)
{
	struct request *q = mem_alloc(sizeof(*q));

	*q = (struct request){ .actor = a, .which = which };
	a->asked++;
	return q;
}

static unsigned
domain_of(const char *name)
{
	return (unsigned)strtoul(name + 1, NULL, 10);
}

static const char *
domain_name(unsigned d)
{
	static char names[DOMAINS][16];

	(void)snprintf(names[d], sizeof(names[d]), "d%u.example", d);
	return names[d];
}

static struct mail_seen *
mail_of(struct model *m, uint64_t id)
{
	for (unsigned i = m->nmails; i-- > 0;)
		if (m->mails[i].id == id)
			return &m->mails[i];
	wrong(m, "mail of nobody", 0);
	return NULL;
}

/* ---- whose a domain is */

static void
forget(struct actor *a, unsigned d)
{
	struct model *m = a->model;

	a->owns[d] = false;
	for (unsigned i = 0; i < m->nmails; i++)
		if (m->mails[i].domain == d)
			m->mails[i].known[a->index] = false;
}

static void
forget_all(struct actor *a)
{
	for (unsigned d = 0; d < DOMAINS; d++)
		forget(a, d);
}

static void
on_found(void *arg, const struct envelope_brief *b)
{
	struct request *q = arg;

	mail_of(q->actor->model, b->id)->known[q->actor->index] = true;
}

static void
on_scanned(void *arg, int rc, uint64_t damaged)
{
	struct request *q = arg;

	if (damaged > 0)
		wrong(q->actor->model, "damaged", (unsigned)damaged);
	(void)rc;
	q->actor->asked--;
	free(q);
}

/* Ours: what there is of it. */
static void
attach(struct actor *a, unsigned d)
{
	const char *name = domain_name(d);

	if (a->owns[d])
		return;
	a->owns[d] = true;
	store_scan_domains(a->node->store, &name, 1, on_found, on_scanned,
	    ask(a, d));
}

static void
on_taken(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct request *q = arg;

	for (unsigned i = 0; i < n && rc == 0; i++) {
		q->actor->model->takes++;
		if (q->actor->node->arg == NULL) /* it is not being closed */
			attach(q->actor, domain_of(domains[i]));
	}
	q->actor->asked--;
	free(q);
}

static void
take(struct actor *a)
{
	const char *names[DOMAINS];
	unsigned n = 0;

	for (unsigned d = 0; d < DOMAINS; d++)
		if (!a->owns[d] && chance(a->model, 2) == 0)
			names[n++] = domain_name(d);
	if (n > 0)
		store_take(a->node->store, names, n, on_taken, ask(a, 0));
}

static void
on_given(void *arg, int rc, const char *const *domains, unsigned n)
{
	struct request *q = arg;

	(void)domains;
	q->actor->model->gives += rc == 0 && n == 1;
	q->actor->asked--;
	free(q);
}

static void
give(struct actor *a)
{
	unsigned d = chance(a->model, DOMAINS);
	const char *name = domain_name(d);
	unsigned to = 1 + chance(a->model, SHARE_NODES);

	if (!a->owns[d] || to == store_node(a->node->store))
		return;
	forget(a, d);
	store_give(a->node->store, &name, 1, to, on_given, ask(a, d));
}

static bool
ours(struct share_node *n, const char *domain)
{
	struct actor *a =
	    &((struct model *)n->share)->actors[n - n->share->nodes];

	return a->owns[domain_of(domain)];
}

/* ---- mail */

static void
on_committed(void *arg, uint64_t token, int rc, struct envelope **parts,
    unsigned n)
{
	struct request *q = arg;
	struct mail_seen *mail = &q->actor->model->mails[q->which];

	(void)token;
	mail->is = rc == 0 ? THERE : MAYBE;
	if (rc == 0 && q->actor->owns[mail->domain])
		mail->known[q->actor->index] = true;
	while (n-- > 0)
		envelope_destroy(&parts[n]);
	q->actor->asked--;
	free(q);
}

static void
commit(struct actor *a)
{
	struct model *m = a->model;
	struct mail_seen *mail = &m->mails[m->nmails];
	struct store_tx *tx;
	struct envelope *e;

	if (m->nmails == MAILS)
		return;
	tx = store_tx_begin(a->node->store);
	*mail = (struct mail_seen){ .id = store_tx_id(tx),
		.domain = chance(m, DOMAINS) };
	e = kit_envelope(domain_name(mail->domain));
	for (unsigned i = 0; i < m->nmails; i++)
		if (m->mails[i].id == mail->id)
			wrong(m, "a number twice", i);
	MX_ASSERT(store_tx_append(tx, "body", 4) == 0);
	store_tx_commit(&tx, &e, 1, on_committed, ask(a, m->nmails++), 0);
}

static void
on_removed(void *arg, uint64_t token, int rc)
{
	struct request *q = arg;

	(void)token;
	q->actor->model->mails[q->which].is = rc == 0 ? GONE : MAYBE_GONE;
	q->actor->model->removed += rc == 0;
	q->actor->asked--;
	free(q);
}

static void
remove_some(struct actor *a)
{
	struct model *m = a->model;
	unsigned i = m->nmails > 0 ? chance(m, m->nmails) : 0;

	if (m->nmails == 0 || m->mails[i].is != THERE ||
	    !m->mails[i].known[a->index] || !a->owns[m->mails[i].domain] ||
	    !store_holds(a->node->store, m->mails[i].id))
		return;
	m->mails[i].is = REMOVING;
	store_remove(a->node->store, m->mails[i].id, on_removed, ask(a, i), 0);
}

/* ---- small state */

static void
on_put(void *arg, uint64_t token, int rc)
{
	struct request *q = arg;

	(void)token;
	(void)rc;
	q->actor->asked--;
	free(q);
}

static void
key_name(char key[16], unsigned k)
{
	(void)snprintf(key, 16, "k/%u", k);
}

static void
put(struct actor *a)
{
	unsigned k = chance(a->model, KEYS);
	unsigned v = chance(a->model, 5) == 0 ? 0 : ++a->model->value;
	char key[16], text[16];

	key_name(key, k);
	(void)snprintf(text, sizeof(text), "%u", v);
	a->says[k] = v;
	store_state_put(a->node->store, key, text, v != 0 ? strlen(text) : 0,
	    on_put, ask(a, k), 0);
}

static void
on_state(void *arg, const char *key, const void *value, size_t len)
{
	struct actor *a = arg;
	char text[16] = "";

	memcpy(text, value, len);
	a->says[strtoul(key + 2, NULL, 10)] = (unsigned)strtoul(text, NULL, 10);
}

static void
read_states(struct actor *a)
{
	memset(a->says, 0, sizeof(a->says));
	store_state_each(a->node->store, "k/", on_state, a);
}

/* ---- what a node is told */

static void
on_item(struct share_node *n, const struct share_item *item)
{
	struct model *m = (struct model *)n->share;
	struct actor *a = &m->actors[n - n->share->nodes];

	if (item->kind == SHARE_TOLD) {
		on_state(a, item->name, item->value, strlen(item->value));
		m->told++;
	} else if (item->kind == SHARE_ARRIVED) {
		m->arrived++;
		if (a->owns[domain_of(item->name)])
			mail_of(m, item->id)->known[a->index] = true;
	}
	n->nitems = 0; /* it would be too much to keep */
}

static void
on_fenced(void *arg, uint64_t token, int rc)
{
	struct request *q = arg;

	(void)token;
	q->actor->model->fences += rc == 0;
	q->actor->asked--;
	free(q);
}

/* Who stands still for a lease is fenced; the domains are for who takes them. */
static void
watch(struct actor *a, int64_t now)
{
	const struct store_node *n;
	struct store_node *seen;

	if (a->looks == a->node->looks)
		return;
	a->looks = a->node->looks;
	for (unsigned i = 0; i < a->node->nnodes; i++) {
		n = &a->node->nodes[i];
		seen = &a->seen[n->id];
		if (n->free || n->epoch != seen->epoch ||
		    n->beat != seen->beat ||
		    n->id == store_node(a->node->store)) {
			*seen = *n;
			a->since[n->id] = now;
		} else if (now - a->since[n->id] > LEASE_MS * CLOCK_MS &&
		    chance(a->model, 3) == 0) {
			store_fence(a->node->store, n, on_fenced, ask(a, 0), 0);
			a->since[n->id] = now;
		}
	}
}

static void
on_joined(void *arg, uint64_t token, int rc)
{
	struct request *q = arg;
	struct actor *a = q->actor;

	(void)token;
	a->joining = false;
	a->asked--;
	a->model->joins += rc == 0;
	if (rc == 0 && a->node->arg == NULL)
		read_states(a);
	free(q);
}

static void
join(struct actor *a)
{
	struct store_info info;

	store_info(a->node->store, &info);
	if (!info.fenced || a->joining)
		return;
	forget_all(a);
	a->joining = true;
	store_join(a->node->store, on_joined, ask(a, 0), 0);
}

/* ---- life */

static void
start(struct actor *a)
{
	a->node->ours = ours;
	a->node->item = on_item;
	a->node->arg = NULL;
	a->looks = 0;
	memset(a->since, 0, sizeof(a->since));
	memset(a->seen, 0, sizeof(a->seen));
	if (!share_open(a->node)) {
		a->start_at = clock_now() + CLOCK_SEC / 2;
		return;
	}
	read_states(a);
}

static void
stop(struct actor *a, bool kill, int64_t now)
{
	a->node->arg = a; /* what is answered now is the end of it */
	engine_proxy_set(a->node->proxy,
	    kill ? ENGINE_PROXY_SHUT : ENGINE_PROXY_OPEN);
	store_close(&a->node->store);
	if (a->asked != 0)
		wrong(a->model, "not answered", a->asked);
	a->joining = false;
	forget_all(a);
	*(kill ? &a->model->kills : &a->model->stops) += 1;
	a->start_at = now + chance(a->model, 2000) * CLOCK_MS;
}

static void
way(struct actor *a)
{
	static const enum engine_proxy_mode modes[] = { ENGINE_PROXY_STALL,
		ENGINE_PROXY_LOSE, ENGINE_PROXY_SHUT };

	if (engine_proxy_mode(a->node->proxy) != ENGINE_PROXY_OPEN)
		return;
	a->model->ways++;
	engine_proxy_for(a->node->proxy, modes[chance(a->model, 3)],
	    50 + chance(a->model, 1200));
}

static void
restart_engine(struct model *m)
{
	if (getenv("PG") == NULL)
		return;
	m->engines++;
	MX_ASSERT(system("$PG kill a && $PG start a") == 0);
}

static void
act(struct actor *a, int64_t now)
{
	unsigned what = chance(a->model, 1000);

	if (a->node->store == NULL && now > a->start_at)
		start(a);
	if (a->node->store == NULL)
		return;
	watch(a, now);
	join(a);
	if (what >= 998)
		stop(a, what == 998, now);
	else if (what >= 993)
		way(a);
	else if (a->asked > ASKED)
		return;
	else if (what < 300)
		commit(a);
	else if (what < 600)
		remove_some(a);
	else if (what < 650)
		take(a);
	else if (what < 700)
		give(a);
	else if (what < 800 && !a->joining)
		put(a); /* what is read then would not have it */
}

/* At no time are there two. */
static void
check_held(struct model *m)
{
	struct actor *a;

	for (unsigned d = 0; d < DOMAINS; d++) {
		unsigned n = 0;

		for (unsigned i = 0; i < SHARE_NODES; i++) {
			a = &m->actors[i];
			n += a->node->store != NULL && a->owns[d] &&
			    store_holds(a->node->store, 0);
		}
		if (n > 1)
			wrong(m, "two hold it", d);
	}
}

/* ---- the end */

static bool
is_quiet(struct model *m)
{
	struct store_info info;
	bool quiet = true;

	for (unsigned i = 0; i < SHARE_NODES; i++) {
		if (m->actors[i].node->store == NULL)
			start(&m->actors[i]);
		if (m->actors[i].node->store == NULL)
			return false;
		join(&m->actors[i]);
		store_info(m->actors[i].node->store, &info);
		quiet = quiet && m->actors[i].asked == 0 && !info.fenced &&
		    store_holds(m->actors[i].node->store, 0);
	}
	return quiet;
}

static void
look_twice(struct model *m)
{
	unsigned looks[SHARE_NODES];

	for (unsigned i = 0; i < SHARE_NODES; i++)
		looks[i] = m->share.nodes[i].looks;
	for (unsigned i = 0; i < SHARE_NODES; i++)
		SHARE_WAIT(&m->share, m->share.nodes[i].looks > looks[i] + 2);
}

static unsigned
owner_of(struct model *m, unsigned d)
{
	unsigned owner = SHARE_NODES;

	for (unsigned i = 0; i < SHARE_NODES; i++)
		if (m->actors[i].owns[d]) {
			if (owner != SHARE_NODES)
				wrong(m, "two own it", d);
			owner = i;
		}
	if (owner == SHARE_NODES)
		wrong(m, "nobody owns it", d);
	return owner;
}

static void
check_mail(struct model *m)
{
	struct share_scan scans[DOMAINS];
	struct mail_seen *mail;
	unsigned owner, n;

	for (unsigned d = 0; d < DOMAINS; d++)
		share_scan(m->actors[owner_of(m, d)].node, &scans[d],
		    domain_name(d));
	for (unsigned i = 0; i < m->nmails; i++) {
		mail = &m->mails[i];
		owner = owner_of(m, mail->domain);
		n = share_found(&scans[mail->domain], mail->id);
		if (n > 1 || (mail->is == THERE && n == 0))
			wrong(m, "mail is there so often", n);
		if (mail->is == GONE && n > 0)
			wrong(m, "it was removed", i);
		if (n > 0 && !mail->known[owner])
			wrong(m, "its owner does not know of mail", i);
	}
	for (unsigned d = 0; d < DOMAINS; d++)
		free(scans[d].ids);
}

static void
check_states(struct model *m)
{
	struct actor there = { .node = &m->share.nodes[0] };

	read_states(&there);
	for (unsigned i = 0; i < SHARE_NODES; i++)
		for (unsigned k = 0; k < KEYS; k++)
			if (m->actors[i].says[k] != there.says[k])
				wrong(m, "state is not what is known", k);
}

static void
finish(struct model *m)
{
	const char *names[DOMAINS];

	for (unsigned i = 0; i < SHARE_NODES; i++)
		engine_proxy_set(m->share.nodes[i].proxy, ENGINE_PROXY_OPEN);
	SHARE_WAIT(&m->share, is_quiet(m));
	/* each has what the tables say, and somebody has all */
	for (unsigned i = 0; i < SHARE_NODES; i++) {
		for (unsigned d = 0; d < DOMAINS; d++)
			names[d] = domain_name(d);
		store_take(m->share.nodes[i].store, names, DOMAINS, on_taken,
		    ask(&m->actors[i], 0));
		SHARE_WAIT(&m->share, is_quiet(m));
	}
	look_twice(m);
	check_mail(m);
	check_states(m);
}

int
main(int argc, char **argv)
{
	struct model *m = mem_alloc(sizeof(*m));
	unsigned turns = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1500;

	if (getenv("KIT_ENGINE") == NULL)
		return 77;
	m->seed = m->first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	share_init(&m->share);
	for (unsigned i = 0; i < SHARE_NODES; i++) {
		m->actors[i].model = m;
		m->actors[i].index = i;
		m->actors[i].node = &m->share.nodes[i];
		m->share.nodes[i].conf.lease_ms = LEASE_MS;
		start(&m->actors[i]);
	}
	for (unsigned i = 0; i < turns; i++) {
		share_begin(&m->share);
		share_turn(&m->share, "a turn", __FILE__, __LINE__);
		check_held(m);
		for (unsigned k = 0; k < SHARE_NODES; k++) {
			act(&m->actors[k], clock_now());
			check_held(m);
		}
		if (chance(m, 1500) == 0)
			restart_engine(m);
	}
	finish(m);
	printf("%u turns: %u messages, %u removed, %u told, %u arrived, "
	       "%u taken, %u given, %u fenced, %u joined, %u killed, "
	       "%u stopped, %u ways, %u engines\n",
	    turns, m->nmails, m->removed, m->told, m->arrived, m->takes,
	    m->gives, m->fences, m->joins, m->kills, m->stops, m->ways,
	    m->engines);
	share_fini(&m->share);
	mem_free(&m);
	return 0;
}
