/* SPDX-License-Identifier: ISC
 * fault: makes named points fail on demand, for tests of a full disk or a power
 * cut. MXWATCH_FAULT is read once, at the first point that is passed; an
 * invalid specification ends the program, because a test that injects nothing
 * proves nothing. Any thread. An ordinary build contains none of it. */
#include "base/fault.h"

#include "base/defs.h"

#ifdef MX_FAULT

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define FAULT_MAX 32

struct fault {
	char *point;
	int64_t nth;
	bool onwards; /* "N+" */
	bool kill;
	int error;
	int64_t delay_ms;
	_Atomic int64_t passed;
};

static struct fault faults[FAULT_MAX];
static unsigned nfaults;
static pthread_once_t fault_once = PTHREAD_ONCE_INIT;

static bool
fault_parse_action(struct fault *f, const char *action)
{
	if (strcmp(action, "kill") == 0)
		f->kill = true;
	else if (strcmp(action, "eio") == 0)
		f->error = EIO;
	else if (strcmp(action, "enospc") == 0)
		f->error = ENOSPC;
	else if (strcmp(action, "enomem") == 0)
		f->error = ENOMEM;
	else if (strncmp(action, "delay=", 6) != 0)
		return false;
	else if (text_int(action + 6, 0, 600000, &f->delay_ms) < 0)
		return false;
	return true;
}

/* "point:action:N" or "point:action:N+"; modifies `item`. */
static bool
fault_parse(struct fault *f, char *item)
{
	char *action, *count;
	size_t len;

	f->point = strsep(&item, ":");
	action = strsep(&item, ":");
	count = item;
	if (action == NULL || count == NULL || *f->point == '\0')
		return false;
	len = strlen(count);
	if (len > 0 && count[len - 1] == '+') {
		f->onwards = true;
		count[len - 1] = '\0';
	}
	return text_int(count, 1, INT64_MAX, &f->nth) == 0 &&
	    fault_parse_action(f, action);
}

static void
fault_init(void)
{
	char *list = mem_strdup(getenv("MXWATCH_FAULT")), *item;

	/* the points refer to the list, which is never freed */
	while ((item = strsep(&list, ",")) != NULL && *item != '\0') {
		if (nfaults == FAULT_MAX ||
		    !fault_parse(&faults[nfaults], item)) {
			log_error("fault", "problem=\"invalid MXWATCH_FAULT\"");
			(void)log_drain(1000);
			_exit(2);
		}
		nfaults++;
	}
}

static int
fault_apply(const struct fault *f)
{
	if (f->kill)
		(void)kill(getpid(), SIGKILL);
	if (f->delay_ms > 0)
		(void)poll(NULL, 0, (int)f->delay_ms);
	return f->error;
}

int
fault_at(const char *point)
{
	unsigned i;
	int64_t n;
	int error = 0;

	(void)pthread_once(&fault_once, fault_init);
	for (i = 0; i < nfaults && error == 0; i++) {
		if (strcmp(faults[i].point, point) != 0)
			continue;
		n = atomic_fetch_add(&faults[i].passed, 1) + 1;
		if (n == faults[i].nth ||
		    (faults[i].onwards && n > faults[i].nth))
			error = fault_apply(&faults[i]);
	}
	return error;
}

#endif
