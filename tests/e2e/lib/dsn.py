# SPDX-License-Identifier: ISC
"""Reads a delivery status notification with Python's own parser and holds it
to RFC 3464, 3462 and 2045."""
import email
import email.policy
import re


class Dsn:
    """`fields`: of the message; `recipients`: {address: fields}."""

    def __init__(self, data):
        self.data = data
        m = email.message_from_bytes(data, policy=email.policy.default)
        self.message = m
        assert not m.defects, m.defects
        assert m.get_content_type() == "multipart/report", m.get_content_type()
        assert m.get_param("report-type") == "delivery-status"
        boundary = m.get_boundary()
        assert re.fullmatch(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]", boundary)
        assert m["mime-version"] == "1.0"
        assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", m["message-id"]), m["message-id"]
        assert m["date"] and m["from"] and m["to"] and m["subject"]
        assert m["auto-submitted"].lower().startswith(("auto-replied", "auto-generated"))
        parts = list(m.iter_parts())
        assert len(parts) in (2, 3), [p.get_content_type() for p in parts]
        for p in m.walk():
            assert not p.defects, p.defects
        assert parts[0].get_content_type() == "text/plain"
        self.text = parts[0].get_content()
        assert parts[1].get_content_type() == "message/delivery-status"
        groups = parts[1].get_payload()
        self.fields = {k.lower(): str(v) for k, v in groups[0].items()}
        assert self.fields["reporting-mta"].startswith("dns;")
        self.recipients = {}
        for g in groups[1:]:
            f = {k.lower(): str(v) for k, v in g.items()}
            if not f:
                continue
            kind, addr = [x.strip() for x in f["final-recipient"].split(";", 1)]
            assert kind.lower() in ("rfc822", "utf-8")
            cls = {"failed": "[45]", "delayed": "4", "relayed": "2"}[f["action"]]
            assert re.fullmatch(cls + r"\.\d{1,3}\.\d{1,3}", f["status"].split()[0]), f
            self.recipients[addr] = f
        assert self.recipients
        self.original = parts[2] if len(parts) == 3 else None
        if self.original is not None:
            assert self.original.get_content_type() in (
                "message/rfc822", "text/rfc822-headers", "message/global")


def check_wire(data):
    """CRLF and nothing else, lines of at most 998, no 8-bit unless it said so."""
    assert b"\n" not in data.replace(b"\r\n", b"") and b"\r" not in data.replace(b"\r\n", b"")
    assert data.endswith(b"\r\n")
    assert max(len(x) for x in data.split(b"\r\n")) <= 998
