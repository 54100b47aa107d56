/* SPDX-License-Identifier: ISC
 * ledger_world: a ledger in virtual time, with a helper that runs at once, a folder
 * of its own, and what it is fed with: a primary, and domains whose blocks change.
 * Link fake_loop.c beside it. */
#ifndef MX_TESTS_LEDGER_WORLD_H
#define MX_TESTS_LEDGER_WORLD_H

#include "ledger/ledger.h"
#include "status/json.h"
#include "tests/unit/fake_loop.h"

#define PRIMARY "mx1.example.org"
#define DOMAIN	"example.org"
#define DAY_SEC INT64_C(86400)

extern struct loop *loop;
extern struct ledger *ledger;
extern struct conf_ledger conf;
extern char *path; /* of its file */
extern const char *missing; /* a name that is not watched any more */
/* The helper does nothing while it is slow: the job waits. */
extern bool slow;
extern struct helper_job *waiting;

int world_begin(void); /* the folder; before the tests */
void world_end(void);
int world_setup(void **state); /* an empty ledger */
int world_teardown(void **state);
void world_start(void);
void world_stop(void);
/* What is on the disk now stays there; what the end would write is undone. */
void world_kill(void);
/* The file has the time of the real clock: that of the tests instead. */
void world_alive_now(void);
struct book_time world_now(void);
void world_pass(unsigned seconds);

void primary_of(const char *label, enum health_state, const char *reply,
    bool by_delivery);
void primary_is(enum health_state);

/* A domain as it is; it is changed, and told. */
struct world_domain {
	struct snap_domain *was, *is;
};
void domain_create(struct world_domain *, const char *name);
void domain_free(struct world_domain *);
void domain_state(struct world_domain *, enum health_state);
void domain_tell(struct world_domain *);
void mail_comes(struct world_domain *, unsigned n);
void mail_goes(struct world_domain *, unsigned n);

int count(const char *name); /* records of that name; NULL: of all */
/* The records of that name, the newest first; the caller frees the list. */
cJSON *records(const char *name);
/* The newest record of that name; the caller frees it. */
cJSON *record(const char *name);
void check_num(const cJSON *, const char *key, double want);
void check_text(const cJSON *, const char *key, const char *want);
void check_state(const char *name, const char *want);

#endif
