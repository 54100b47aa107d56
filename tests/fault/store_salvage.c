/* SPDX-License-Identifier: ISC
 * store_salvage: what mxwatch-salvage makes of the vault. A message that had
 * been given back is not mail that waits: it goes into a folder of its own and
 * its envelope says so; one that was queued again out of there is mail. */
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/store_kit.h"

enum { QUEUED, VAULTED, REPLAYED, AGAIN, MESSAGES };

static const struct {
	unsigned flags;
	const char *folder, *says[3];
} want[MESSAGES] = {
	[QUEUED] = { 0, "",
	    { "\"vault\": false", "\"vaulted\": null",
		"\"replayed\": false" } },
	[VAULTED] = { ENV_VAULT, "vault/",
	    { "\"vault\": true", "\"vaulted\": \"2001-09-09T",
		"\"replayed\": false" } },
	[REPLAYED] = { ENV_REPLAYED, "",
	    { "\"vault\": false", "\"vaulted\": null", "\"replayed\": true" } },
	[AGAIN] = { ENV_VAULT | ENV_REPLAYED, "vault/",
	    { "\"vault\": true", "\"vaulted\": \"2001-09-09T",
		"\"replayed\": true" } },
};

static void
on_done(void *arg, uint64_t token, int rc)
{
	struct kit *k = arg;

	(void)token;
	MX_ASSERT(rc == 0);
	k->done = true;
	loop_stop(k->loop);
}

static void
mark(struct kit *k, uint64_t id, unsigned flags)
{
	struct envelope *e;

	MX_ASSERT(kit_load(k, id, 0) == 0);
	e = envelope_copy(k->loaded.env);
	e->flags = (uint16_t)flags;
	e->due_ms = INT64_C(1000000000000);
	k->done = false;
	store_update(k->store, e, on_done, k, 0);
	envelope_destroy(&e);
	kit_wait(k, &k->done);
}

static bool
contains(const char *path, const char *const *says, unsigned n)
{
	char text[8192] = "";
	int fd = open(path, O_RDONLY);
	bool all = fd >= 0;

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	for (unsigned i = 0; i < n; i++)
		all = all && strstr(text, says[i]) != NULL;
	if (!all)
		printf("%s is: %s\n", path, text);
	return all;
}

/* Without `out` it is to count only. */
static int
salvage(const char *spool, const char *out, const char *said)
{
	int status, fd;
	pid_t pid;

	if ((pid = fork()) == 0) {
		fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		(void)dup2(fd, 1);
		(void)execl("./mxwatch-salvage", "mxwatch-salvage",
		    out == NULL ? "-n" : spool, out == NULL ? spool : out,
		    (char *)NULL);
		_exit(127);
	}
	MX_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
main(void)
{
	static const char *const line[] = { "whole=2 ", "unsure=0 ",
		" vault=2\n" };
	char out[300], said[320], path[400], id[TEXT_ID_MAX];
	uint64_t ids[MESSAGES];
	struct kit spool, k;
	unsigned wrong = 0;

	kit_init(&k, NULL); /* a folder for what comes out */
	kit_init(&spool, NULL);
	MX_ASSERT(kit_open(&spool));
	for (unsigned i = 0; i < MESSAGES; i++) {
		ids[i] = kit_commit(&spool, 100, i, 1);
		mark(&spool, ids[i], want[i].flags);
	}
	kit_close(&spool);
	snprintf(out, sizeof(out), "%s/out", k.dir);
	snprintf(said, sizeof(said), "%s/said", k.dir);
	wrong += salvage(spool.dir, NULL, said) != 0;
	wrong += !contains(said, line, 3);
	wrong += access(out, F_OK) == 0;
	wrong += salvage(spool.dir, out, said) != 0;
	wrong += !contains(said, line, 3);
	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(path, sizeof(path), "%s/%s%s.json", out,
		    want[i].folder, text_id(ids[i], id));
		wrong += !contains(path, want[i].says, 3);
	}
	kit_fini(&spool);
	kit_fini(&k);
	printf("%u wrong\n", wrong);
	return wrong > 0;
}
