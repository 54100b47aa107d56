/* SPDX-License-Identifier: ISC
 * test_mailbox: order per sender across threads, the descriptor readable
 * exactly while something waits, the timeout, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "base/mem.h"

#define SENDERS 4
#define EACH	5000

struct parcel {
	struct mail mail;
	int number;
};

struct sender {
	struct mailbox *mb;
	int kind;
};

static int dropped;

static void
drop(struct mail *m)
{
	dropped++;
	mem_free(&m);
}

static struct mail *
parcel(int kind, int number)
{
	struct parcel *p = mem_alloc(sizeof(*p));

	p->mail.kind = kind;
	p->number = number;
	return &p->mail;
}

static bool
readable(struct mailbox *mb)
{
	struct pollfd pfd = { .fd = mailbox_fd(mb), .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void *
send_all(void *arg)
{
	struct sender *s = arg;
	struct mail_list list = STAILQ_HEAD_INITIALIZER(list);
	struct mail *m;
	int i;

	for (i = 0; i < EACH; i++) {
		if (i % 3 == 0) {
			mailbox_post_list(s->mb, &list);
			mailbox_post(s->mb, parcel(s->kind, i));
		} else {
			m = parcel(s->kind, i);
			STAILQ_INSERT_TAIL(&list, m, link);
		}
	}
	mailbox_post_list(s->mb, &list);
	return NULL;
}

static void
test_threads(void **state)
{
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	int next[SENDERS] = { 0 }, got = 0, i;
	struct mailbox *mb = mailbox_create();
	struct mail_list list;
	struct mail *m;

	(void)state;
	for (i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ mb, i };
		assert_int_equal(
		    pthread_create(&threads[i], NULL, send_all, &senders[i]),
		    0);
	}
	while (got < SENDERS * EACH) {
		assert_true(mailbox_wait(mb, &list, 10000));
		while ((m = STAILQ_FIRST(&list)) != NULL) {
			STAILQ_REMOVE_HEAD(&list, link);
			assert_int_equal(((struct parcel *)(void *)m)->number,
			    next[m->kind]++);
			got++;
			mem_free(&m);
		}
	}
	for (i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_false(mailbox_take(mb, &list));
	assert_false(readable(mb));
	mailbox_destroy(&mb, NULL);
	assert_null(mb);
}

static void
test_descriptor(void **state)
{
	struct mailbox *mb = mailbox_create();
	struct mail_list list;
	struct mail *m;
	int i;

	(void)state;
	assert_false(readable(mb));
	for (i = 0; i < 3; i++) {
		mailbox_post(mb, parcel(0, 1));
		mailbox_post(mb, parcel(0, 2));
		assert_true(readable(mb));
		assert_true(mailbox_take(mb, &list));
		assert_false(readable(mb));
		while ((m = STAILQ_FIRST(&list)) != NULL) {
			STAILQ_REMOVE_HEAD(&list, link);
			mem_free(&m);
		}
	}
	STAILQ_INIT(&list);
	mailbox_post_list(mb, &list); /* nothing: no wake-up */
	assert_false(readable(mb));
	mailbox_post(mb, parcel(0, 3));
	mailbox_post(mb, parcel(0, 4));
	dropped = 0;
	mailbox_destroy(&mb, drop);
	assert_int_equal(dropped, 2);
	mailbox_destroy(&mb, drop);
}

static void
test_timeout(void **state)
{
	struct mailbox *mb = mailbox_create();
	struct mail_list list;
	int64_t start = clock_now();

	(void)state;
	assert_false(mailbox_wait(mb, &list, 0));
	assert_false(mailbox_wait(mb, &list, 30));
	assert_true(STAILQ_EMPTY(&list));
	assert_true(clock_now() - start >= 30 * CLOCK_MS);
	mailbox_destroy(&mb, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
