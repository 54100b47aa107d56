# SPDX-License-Identifier: ISC
"""A primary that refuses several domains is one matter: one alert, one trial at a
time, and one message that it takes opens them all."""
from lib.mxwatchd import FAST
from lib.smtp import send
from lib.wait import wait_for

BLOCKED = "554 5.7.1 service unavailable, your address is blocked using bl.test"
N = 20


def test_many_domains_one_alert(stack):
    mx = stack.fakemx(misbehave=["say-mail=" + BLOCKED])
    names = ["d%02d.test" % i for i in range(N)]
    d = stack.mxwatchd({name: 'primary = {"127.0.0.1:%d"}' % mx.port for name in names},
                       defaults=FAST)
    d.wait_state(names[-1], "up")
    for name in names:
        send(d.port, "for " + name, rcpts=["u@" + name])

    def closed():
        m = d.metrics()
        n = [m.get("breaker_tripped", domain=x) for x in names]
        assert sum(n) == N, n
        assert sum(m.get("breaker_follows", domain=x) for x in names) == N - 1
        return True
    wait_for(closed, 20)

    def fires():
        got = [a for a in d.ctl_json("alerts")[:-1] if a["state"] == "firing"]
        assert [a["alert"] for a in got] == ["breaker_tripped"], got
        assert "for %d domains it says" % N in got[0]["summary"], got
        assert got[0]["primary"] == "127.0.0.1:%d" % mx.port
        return True
    wait_for(fires, 10)
    b = [x["breaker"] for x in d.ctl_json("status")[0]["domains"]]
    assert [x["follows"] for x in b].count(False) == 1
    assert {x["domains"] for x in b} == {N}
    assert "%d domains of" % N in " ".join(d.ctl("why", names[3])[1].split())
    d.kill9()
    d.start()
    wait_for(closed, 20)
    wait_for(fires, 10)
    mx.misbehave[:] = []
    wait_for(lambda: len(mx.messages) == N, 30)
    wait_for(lambda: [a for a in d.ctl_json("alerts")[:-1] if a["state"] == "firing"] == [], 10)
    assert d.metrics().sum("breaker_tripped") == 0
