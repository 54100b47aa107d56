/* SPDX-License-Identifier: ISC
 * journal_mend: makes a file of the log that a fuzzer has changed one that is
 * read beyond its first checksum. For the targets that read such files, and for
 * who makes what they begin with. Pure. */
#ifndef MX_TESTS_JOURNAL_MEND_H
#define MX_TESTS_JOURNAL_MEND_H

#include <stddef.h>
#include <stdint.h>

#define MEND_SALT UINT64_C(0x746c61732d77786d) /* "mxw-salt" */
#define MEND_MARK 0xa5a5 /* two bytes in an input: a record begins here */

/* Salt and checksums, wherever a record may begin, and those of the head. */
void journal_mend(uint8_t *file, size_t len, uint64_t number);
/* The head of the file alone, and that of a record alone. */
void mend_head(uint8_t *file, uint64_t number);
void mend_record_head(uint8_t *record);
/* Length of the record that lies there, as it says; 0: it is not whole. */
size_t mend_length(const uint8_t *record, size_t left, uint64_t number);

#endif
