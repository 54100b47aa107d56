/* SPDX-License-Identifier: ISC
 * detail: what is known of a domain that is open: why, what to type, its primaries, how
 * old its mail is, its outages, its messages. The loop is asked for it (/api/v1/why,
 * ages, messages) as long as it is in the window. A part is made anew when its data are,
 * and not while somebody is in it. */

var EVENTS = 15;
var OPEN = 8; /* at once */
var ASKED = 4; /* questions at once: mxwatchd takes eight, of all who look */
var details = new Map(); /* of at.open */
var asking = 0, opened = 0;
var KEPT = { why: 4000, ages: 30000, record: 10000, messages: 10000 }; /* ms; asked again after */

function openDetail(name) {
	var tr = el("tr", "detail"), td = add(tr, "td"), box, d;
	opened++;
	tr.setAttribute("role", "row");
	td.setAttribute("role", "cell");
	td.colSpan = 8;
	box = add(td, "div", "detail-box");
	box.setAttribute("role", "region");
	box.setAttribute("aria-label", clean("Details of " + name));
	d = { name: name, tr: tr, height: 0, parts: {}, data: {}, asked: {}, after: [""] };
	details.set(name, d);
	[["why", "Why"], ["commands", "What to type"], ["figures", "Figures"], ["primaries", "Primaries"], ["ages", "Age of queued messages"], ["trend", "Trend"],
		["record", "Outages and flushes"], ["events", "Last events"], ["messages", "Messages"]].forEach(function (p) {
		var section = add(box, "section", "part part-" + p[0]), h = add(section, "h3", "", p[1]);
		h.id = "detail-" + p[0] + "-" + opened;
		section.setAttribute("aria-labelledby", h.id);
		d.parts[p[0]] = add(section, "div");
	});
	button(box, "close", "Close (Esc)", function () { toggle(name); });
	d.watch = new ResizeObserver(function () { measure(); putRows(); });
	d.watch.observe(tr);
}
function closeDetail(d) {
	d.watch.disconnect();
	d.tr.remove();
	details.delete(d.name);
}
function isOpen(name) { return details.has(name); }
/* The one that the element is in. */
function detailOf(e) {
	return Array.from(details.values()).find(function (d) { return d.tr.contains(e); });
}

/* ---- asking */

function detailUrl(d, what) {
	var q = "domain=" + encodeURIComponent(d.name), after = d.after[d.after.length - 1], of;
	if (what === "record") {
		of = domains.find(function (x) { return x.domain === d.name; });
		return "/api/v1/outages?since=30d&limit=100&name=mxwatchd&name=" + encodeURIComponent(d.name) +
			(of ? primariesOf(of).slice(0, 8).map(function (p) { return "&name=" + encodeURIComponent(str(p.primary)); }).join("") : "");
	}
	return "/api/v1/" + what + "?" + q + (what === "messages" && after ? "&after=" + encodeURIComponent(after) : "");
}
function askPart(d, what) {
	d.asked[what] = "now";
	asking++;
	get(detailUrl(d, what)).then(function (got) {
		d.data[what] = got;
	}).catch(function (e) {
		if (!d.data[what] || d.data[what].trouble || e.status === 404 || e.status === 403) d.data[what] = { trouble: e.message, refused: e.status === 403 };
	}).finally(function () {
		asking--;
		d.asked[what] = performance.now();
		if (details.get(d.name) === d) { renderDetail(d); measure(); putRows(); }
		askDetails();
	});
}
/* Nothing of what is out of sight, and nothing again that was refused. */
function askDetails() {
	if (document.hidden || at.view !== "domains") return;
	details.forEach(function (d) {
		if (!rows.has(d.name) || !isSeen(d.name)) return;
		Object.keys(KEPT).forEach(function (what) {
			var last = d.asked[what];
			if (asking >= ASKED || last === "now" || performance.now() - (last || -Infinity) < KEPT[what]) return;
			if (d.data[what] && d.data[what].refused) return;
			askPart(d, what);
		});
	});
}

/* ---- parts */

function part(d, name, data, make) {
	var e = d.parts[name], key = JSON.stringify(data), selected = getSelection();
	if (e.dataset.key === key) return;
	if (e.dataset.key && (e.contains(document.activeElement) || (!selected.isCollapsed && e.contains(selected.anchorNode)))) return;
	e.dataset.key = key;
	e.replaceChildren();
	make(e);
}
/* Without an answer; of what other nodes have, `d` says whom to ask. */
function trouble(e, data, d) {
	if (!data) add(e, "p", "soft", "Asking\u2026");
	else if (data.trouble) {
		sentence(add(e, "p", "soft"), data.trouble);
		if (d && !data.refused) sayNodes(e, data, d);
	}
	return !data || data.trouble;
}
/* Where the mail of a domain is to be asked for that did not come, or not whole. */
function silentOf(data) { return list(data.silent).map(str); }
function nodeName(to, name) {
	var n = objects((status.cluster || {}).nodes).find(function (x) { return x.node === name; });
	if (n && isPage(str(n.url))) link(to, "", name, str(n.url)); else add(to, "strong", "", name);
}
function sayNodes(e, data, d) {
	var silent = silentOf(data), ask = silent.length > 0 ? silent : data.trouble && d.ours === false && d.owner ? [d.owner] : [], p;
	if (ask.length === 0) return;
	p = add(e, "p", "bad", silent.length > 0 ? "Incomplete: no answer from " : "Ask at ");
	ask.forEach(function (name, i) { if (i > 0) words(p, ", "); nodeName(p, name); });
	words(p, silent.length > 0 ? ". Its part is missing here." : ", which has its mail.");
}
function pair(dl, term) {
	var box = add(dl, "div");
	add(box, "dt", "", term);
	return add(box, "dd");
}
function commandsOf(d) {
	var name = d.domain, q = queue(d), c = [], down = d.state === "down" || d.state === "suspect";
	if (!isWord(name)) return c;
	if (isRemoved(d)) c.push(["forget " + name, "send its mail by the MX records from now on"]);
	if (q.on_hold || d.breaker) c.push(["release " + name, d.breaker ? "reset the breaker and deliver" : "end the hold"]);
	if (messages(d) > 0) c.push(["flush " + name, "deliver now"]);
	if (down) c.push(["probe " + name, "probe its primaries now"]);
	if (messages(d) > 0 && (isNear(expiry(d)) || share(d) >= .5 || down)) c.push(["extend " + name + " +7d", "extend the lifetime of queued messages"]);
	if ((alertsOf.get(name) || []).some(function (a) { return !a.silenced; })) c.push(["ack " + name, "you have it in hand"], ["silence " + name + " --for 2h", "tell nobody"]);
	if (down && !d.maintenance) c.push(["maintenance " + name + " --for 2h", "it is in maintenance"]);
	if (d.redirect) c.push(["redirect --end " + name, "its mail goes where the configuration says"]);
	if (messages(d) > 0 && !q.on_hold) c.push(["hold " + name, "deliver nothing"]);
	c.push(["why " + name, "the same, as text"], ["queue " + name, "what is queued"]);
	return c;
}
function makeCommands(e, all) {
	var ul = add(e, "ul", "commands");
	all.forEach(function (c) { command(ul, "mxwatchctl " + c[0], c[1]); });
}
/* Why a long way to it is not filled. */
function way(e, h) {
	if (num(h.chunking_off_until)) {
		words(e, "It failed with BDAT or with pipelined messages: DATA, one message at a time; this ends ");
		time(e, h.chunking_off_until);
		sentence(e, ", or with the next `mxwatchctl flush`.");
	} else if (h.alone === true) words(e, "One message at a time for a minute: a connection was lost, or it refused mail as it had accepted before.");
}
function phaseBar(e, p) {
	var seconds = p.phase_seconds || {}, sum = Math.max(probeTime(p), 1e-9), said = [], bar = el("div", "bar"), key = el("ul", "key");
	PHASES.forEach(function (name, i) {
		var s = num(seconds[name]), part, li;
		if (s <= 0) return;
		part = add(bar, "span", fails(p) && name === p.failed_phase ? "crit" : "b" + i);
		part.style.width = (100 * s / sum).toFixed(2) + "%";
		li = add(key, "li");
		add(li, "i", part.className === "crit" ? "swatch down" : "b" + i);
		words(li, name + " " + millis(s) + (part.className === "crit" ? ", failed" : ""));
		said.push(name + " " + millis(s));
	});
	if (said.length === 0) return;
	bar.setAttribute("role", "img");
	bar.setAttribute("aria-label", "Last probe: " + said.join(", "));
	if (fails(p)) bar.classList.add("failed");
	e.appendChild(bar);
	e.appendChild(key);
}
function makePrimary(e, p) {
	var box = add(e, "div", "primary" + (fails(p) ? " failed" : "")), said = add(box, "p"), far;
	add(said, "strong", "", str(p.primary));
	words(said, " \u00B7 preference " + num(p.priority) + " \u00B7 ");
	add(said, "span", fails(p) ? "bad" : p.healthy ? "good" : "soft", p.probed !== true ? "not probed yet" : p.healthy ? "\u2713 answers" :
		"\u2715 failed" + (p.failed_phase ? " at " + str(p.failed_phase) : ""));
	if (p.text) words(said, ": " + str(p.text));
	words(said, " \u00B7 " + group(p.failures) + " of " + group(p.probes) + " probes failed");
	if (p.last_run) { words(said, " \u00B7 probed "); time(said, p.last_run); }
	if (p.last_success) { words(said, " \u00B7 last success "); time(said, p.last_success); }
	if (p.cert_not_after) {
		words(said, " \u00B7 certificate ends ");
		time(said, p.cert_not_after).className = p.cert_not_after - now() < 14 * DAY ? "bad" : "";
	}
	if (num(p.slow_seconds) > 0) words(said, " \u00B7 slow: " + duration(p.slow_seconds));
	phaseBar(box, p);
	far = servers.get(str(p.primary)) || p;
	if ((p.delivery || far.delivery) && typeof (p.delivery || far.delivery) === "object") way(add(box, "p", "soft"), p.delivery || far.delivery);
	if (p.finding) {
		said = add(box, "p", "soft", "It refuses the probe\u2019s " + str(p.finding_about) + " for ");
		time(said, p.finding_since, true);
		words(said, ", which is no outage: " + str(p.finding));
	}
}
function makeFigures(e, d) {
	var dl = add(e, "dl"), q = queue(d), c = d.counters || {}, f = d.flush, dd;
	dd = pair(dl, "State");
	words(dd, str(d.state) + (d.state_since ? " for " : ""));
	if (d.state_since) time(dd, d.state_since, true);
	if (d.cause) words(pair(dl, "Cause"), str(d.cause));
	if (d.trouble) { dd = pair(dl, "DNS"); words(dd, str(d.trouble) + ", for "); time(dd, d.trouble_since, true); }
	if (typeof d.owner === "string") words(pair(dl, "Node"), d.owner === "" ? "no node has its mail" : "mail at " + d.owner + (d.ours === true ? " (this node)" : ""));
	objects(d.verdicts).forEach(function (v) {
		dd = pair(dl, str(v.node) + " sees");
		words(dd, str(v.state) + " for ");
		time(dd, v.since, true);
		if (v.cause) words(dd, ": " + str(v.cause));
	});
	if (num(d.local_messages) > 0) words(pair(dl, "In the spool of this node"), count(d.local_messages, "message", "messages"));
	words(pair(dl, "Queued"), count(messages(d), "message", "messages") + " for " + count(num(q.recipients), "recipient", "recipients") + ", " + bytes(q.bytes) + ": " +
		group(q.active) + " active, " + group(q.deferred) + " deferred, " + group(q.held) + " held");
	if (messages(d) > 0) {
		dd = pair(dl, "Oldest");
		time(dd, q.oldest);
		words(dd, " of a lifetime of " + duration(q.lifetime_seconds) + (num(q.extended_seconds) > 0 ? " and " + duration(q.extended_seconds) + " more" : ""));
		dd = pair(dl, "First expires");
		dd.className = isNear(expiry(d)) ? "bad" : "";
		if (q.next_expiry) time(dd, q.next_expiry); else words(dd, "not while it is held");
		dd = pair(dl, "Next try");
		if (q.next_try) time(dd, q.next_try); else words(dd, "when the primary is back");
	}
	words(pair(dl, "Accepted since the start"), group(c.accepted_messages) + " messages, " + bytes(c.accepted_bytes));
	words(pair(dl, "Recipients"), group(c.delivered) + " delivered, " + group(c.deferred) + " deferred, " + group(c.bounced) + " bounced, " + group(c.expired) + " expired");
	if (f && f.start) {
		dd = pair(dl, f.running ? "Flush, under way" : "Last flush");
		words(dd, str(f.trigger) + ", begun ");
		time(dd, f.start);
		words(dd, ": " + group(f.delivered) + " delivered, " + group(f.deferred) + " deferred, " + group(f.failed) + " failed" +
			(f.running ? ", " + group(f.remaining) + " left" + (typeof f.eta_seconds === "number" ? ", done in " + duration(f.eta_seconds) : "") : ""));
	}
}
function makeAges(e, data, d) {
	var all = objects(data.ages), life = num(queue(d).lifetime_seconds), most, first = all.length, last = -1, ol;
	sayNodes(e, data, d);
	all.forEach(function (a, i) { if (num(a.messages) > 0) { first = Math.min(first, i); last = i; } });
	if (last < 0) {
		if (silentOf(data).length === 0) add(e, "p", "soft", "Nothing is queued.");
		return;
	}
	most = Math.max.apply(null, all.map(function (a) { return num(a.messages); }));
	ol = add(e, "ol", "ages");
	all.forEach(function (a, i) {
		if (i < first || i > last) return;
		var from = i > 0 ? num(all[i - 1].le) : 0, li = add(ol, "li"), bar;
		add(li, "span", "soft", a.le === null ? "over " + duration(from) : i === 0 ? "to " + duration(a.le) : duration(from) + " to " + duration(a.le));
		bar = add(add(li, "span", "bar"), "span", life > 0 && from >= life * .8 ? "crit" : life > 0 && from >= life * .5 ? "warn" : "fill");
		bar.style.width = (100 * num(a.messages) / most).toFixed(1) + "%";
		bar.hidden = num(a.messages) === 0;
		add(li, "span", "n", group(a.messages));
	});
}
function recordParts(data, d) {
	var all = objects(data.outages), away = all.filter(isAway), p = [[d.domain, all.filter(function (o) { return o.kind === "domain" && o.name === d.domain; }), 0]], since = Infinity, from;
	primariesOf(d).slice(0, 8).forEach(function (x) {
		var s = servers.get(str(x.primary)) || {};
		since = Math.min(since, num(s.known_since) || now());
		p.push([str(x.primary), all.filter(function (o) { return o.kind === "primary" && o.name === x.primary; }), num(s.known_since)]);
	});
	all.forEach(function (o) { if (o.kind !== "daemon") since = Math.min(since, num(o.failed)); });
	from = Math.max(now() - MONTH, Math.min(since, now() - 600));
	p[0][2] = since;
	return { lanes: p, away: away, from: from };
}
function makeRecord(e, data, d) {
	var p = recordParts(data, d), f = d.flush, scale, legend;
	p.lanes.forEach(function (l, i) {
		var box = add(e, "div", "lane"), image;
		add(box, "span", "who", l[0]);
		image = box.appendChild(laneImage(l[0], l[2], l[1], p.away, p.from, now()));
		if (i === 0 && f && f.start) piece(image, p.from, now(), num(f.start), num(f.end) || now(), "draining", "flush (" + str(f.trigger) + "): " + group(f.delivered) + " delivered");
		add(box, "span", "ratio", i === 0 ? "" : percent((servers.get(l[0]) || {}).availability_30d));
	});
	scale = add(e, "p", "scale soft");
	time(scale, p.from);
	add(scale, "span", "", "now");
	legend = add(e, "p", "legend soft");
	[["down", "down"], ["draining", "flush"], ["maintenance", "maintenance"], ["known", "watched, and up"]].forEach(function (k) {
		var s = add(legend, "span");
		add(s, "i", "swatch " + k[0]);
		words(s, k[1]);
	});
}
function makeEvents(e, data) {
	var all = eventsOf(objects(data.outages)), ul = add(e, "ul", "events");
	if (all.length === 0) add(ul, "li", "soft", "Nothing in 30 days.");
	all.slice(0, EVENTS).forEach(function (x) {
		var li = add(ul, "li", x[1]);
		time(li, x[0]);
		words(li, " " + x[2]);
	});
}
function turnPage(d, after) {
	if (after === undefined) d.after.pop(); else d.after.push(after);
	d.asked.messages = undefined;
	delete d.data.messages;
	askDetails();
	renderDetail(d, true);
}
/* The roles are said, since on a phone a message is no line of a table to look at. */
var HEADS = ["Id", "From", "To", "Size", "Came", "Tries", "Expires", "State"];
function tableRow(to) {
	var tr = add(to, "tr");
	tr.setAttribute("role", "row");
	return tr;
}
function makeMessages(e, data, d, own) {
	var all = objects(data.messages), t, head, body;
	sayNodes(e, data, d);
	if (all.length === 0) {
		if (silentOf(data).length === 0) add(e, "p", "soft", "Nothing is queued.");
		return;
	}
	t = add(add(e, "div", "scroll"), "table", "messages");
	t.setAttribute("role", "table");
	t.setAttribute("aria-label", "Messages");
	head = tableRow(add(t, "thead"));
	HEADS.forEach(function (h) {
		var th = add(head, "th", h === "Size" || h === "Tries" ? "n" : "", h);
		th.scope = "col";
		th.setAttribute("role", "columnheader");
	});
	body = add(t, "tbody");
	all.forEach(function (m) {
		var tr = tableRow(body), to = objects(m.rcpts), said, td;
		add(add(tr, "td"), "span", "mono", str(m.id));
		add(tr, "td", "", str(m.sender) || "<>");
		said = to.map(function (r) { return str(r.address) + (r.reply ? " (" + str(r.reply) + ")" : ""); }).join(", ");
		td = add(tr, "td", "", said + (num(m.recipients) > to.length ? " and " + group(m.recipients - to.length) + " more" : ""));
		add(tr, "td", "n", bytes(m.size));
		time(add(tr, "td"), m.arrival);
		add(tr, "td", "n", group(m.attempts));
		td = add(tr, "td", isNear(num(m.expiry)) ? "bad" : "");
		if (m.expiry) time(td, m.expiry); else words(td, "held");
		add(tr, "td", "", str(m.state) + (m.damaged ? ", damaged" : ""));
		Array.from(tr.children).forEach(function (cell, i) {
			cell.setAttribute("role", "cell");
			cell.dataset.head = HEADS[i];
		});
	});
	t = add(e, "p", "pages");
	if (d.pages > 1) button(t, "", "Back", function () { turnPage(own); });
	if (data.next) button(t, "", "Next page", function () { turnPage(own, str(data.next)); });
	words(t, " Page " + d.pages + (data.next ? "" : ", the last") + ". ");
	sentence(t, "`mxwatchctl show ID` has one of them.");
}

function renderTrend(e, name) {
	if (e.children.length === 0) {
		add(e, "div");
		add(e, "p", "scale soft");
		add(e, "p", "legend soft");
	}
	showTrend(e.children[0], name, 440, 90, 6);
	if (e.children[0].dataset.key === "none") set(e.children[0], "Not known yet.");
	sayTrend(e.children[2], e.children[1], name);
}

/* The brief document has the domain at once; /api/v1/why the whole of it, soon. */
function renderDetail(own, turned) {
	var d = domains.find(function (x) { return x.domain === own.name; }), data = own.data, full, section;
	if (!d) return;
	full = data.why && data.why.domain && typeof data.why.domain === "object" ? Object.assign({}, d, data.why.domain) : d;
	full.verdicts = full.verdicts || (data.why && data.why.verdicts);
	full.pages = own.after.length;
	attr(own.tr, "class", "detail " + stateOf(d));
	if (turned && own.parts.messages.contains(document.activeElement)) { /* the button that was pressed goes */
		section = own.parts.messages.parentNode;
		section.setAttribute("tabindex", "-1");
		section.focus({ preventScroll: true });
	}
	part(own, "why", data.why && (data.why.trouble || data.why.explain), function (e) {
		if (!trouble(e, data.why)) list(data.why.explain).forEach(function (s) { sentence(add(e, "p"), str(s)); });
	});
	part(own, "commands", commandsOf(full), function (e) { makeCommands(e, commandsOf(full)); });
	part(own, "figures", [full.state, full.cause, full.trouble, full.owner, full.verdicts, full.queue && Object.assign({}, full.queue, { oldest_age_seconds: 0, lifetime_used_ratio: 0 }), full.counters, full.flush, full.local_messages],
		function (e) { makeFigures(e, full); });
	part(own, "primaries", full.primaries, function (e) {
		primariesOf(full).slice(0, 20).forEach(function (p) { makePrimary(e, p); });
		if (primariesOf(full).length === 0) add(e, "p", "soft", "None is known yet.");
	});
	part(own, "ages", [data.ages, full.owner], function (e) { if (!trouble(e, data.ages, full)) makeAges(e, data.ages, full); });
	renderTrend(own.parts.trend, d.domain);
	part(own, "record", [data.record, full.flush && full.flush.start, full.flush && full.flush.end], function (e) { if (!trouble(e, data.record)) makeRecord(e, data.record, full); });
	part(own, "events", data.record, function (e) { if (!trouble(e, data.record)) makeEvents(e, data.record); });
	part(own, "messages", [data.messages, full.pages, full.owner], function (e) { if (!trouble(e, data.messages, full)) makeMessages(e, data.messages, full, own); });
}
