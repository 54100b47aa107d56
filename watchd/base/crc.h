/* SPDX-License-Identifier: ISC
 * crc: the CRC-32 of all data on our disk: that of zlib and Ethernet,
 * polynomial 0xEDB88320, starting with 0. Pure, any thread. */
#ifndef MX_BASE_CRC_H
#define MX_BASE_CRC_H

#include "base/defs.h"

/* `crc` is 0, or the CRC of the preceding data. */
uint32_t crc_32(uint32_t crc, const void *data, size_t len);

#endif
