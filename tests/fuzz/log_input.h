/* SPDX-License-Identifier: ISC
 * log_input: the form in which several files of the log are one input of
 * fuzz_log. Little-endian:
 *
 *	u8 flags, u8 files, u8 the file that the database has come to, from
 *	JOURNAL_FIRST on, u32 how far in it, u32 the last record it has; then of
 *	each file: u8 how many numbers are left out before its own, u32 length,
 *	and its bytes
 *
 * A length that is too great is what there is. */
#ifndef MX_TESTS_LOG_INPUT_H
#define MX_TESTS_LOG_INPUT_H

#define LOG_FILES	4u /* at most: 1 + files % LOG_FILES */
#define LOG_INPUT	11u
#define LOG_INPUT_FILE	5u
#define LOG_INPUT_BYTES (64u << 10) /* longer ones are not tried */

/* flags */
#define LOG_MEND  1u /* salt and checksums are made right (journal_mend.h) */
#define LOG_COUNT 2u /* records are numbered, from the head of their file on */
#define LOG_JOIN  4u /* each file goes on where the one before it ended */
#define LOG_LAST  8u /* the last file has the greatest number there is */

#endif
