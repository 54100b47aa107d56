# SPDX-License-Identifier: ISC
"""A name server for `domains --by-mx`: dN.example.org has its mail at
m(N % PRIMARIES).example.org, which has one address. It is asked over UDP and
knows nothing else.

    names.py PRIMARIES
"""
import socket
import struct
import sys

MX, A, AAAA, TTL = 15, 1, 28, 5


def address(i):
    return bytes([127, 1, i // 250, i % 250 + 1])


def answer(query, primaries):
    end = query.index(b"\0", 12) + 1
    kind = struct.unpack("!H", query[end:end + 2])[0]
    label = query[13:13 + query[12]]
    records, known = b"", label[1:].isdigit()
    if known and kind == MX and label[:1] == b"d":
        host = b"m%d" % (int(label[1:]) % primaries)
        data = struct.pack("!H", 10) + bytes([len(host)]) + host + \
            struct.pack("!H", 0xc000 | (13 + len(label)))  # .example.org, as in the question
        records = struct.pack("!HHHIH", 0xc00c, MX, 1, TTL, len(data)) + data
    elif known and kind == A and label[:1] == b"m":
        records = struct.pack("!HHHIH", 0xc00c, A, 1, TTL, 4) + address(int(label[1:]))
    flags = 0x8180 if known else 0x8183
    return query[:2] + struct.pack("!HHHHH", flags, 1, bool(records), 0, 0) + \
        query[12:end + 4] + records


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1], flush=True)
    while True:
        query, peer = s.recvfrom(600)
        s.sendto(answer(query, int(sys.argv[1])), peer)


if __name__ == "__main__":
    main()
