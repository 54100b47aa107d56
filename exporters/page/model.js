/* SPDX-License-Identifier: ISC
 * model: what the documents mean: how urgent a domain is, and which primary a trouble
 * belongs to. Nothing here touches the page. */

var PHASES = ["resolve", "connect", "greeting", "ehlo", "starttls", "mail", "rcpt", "quit"];
var MARK = { up: "\u25B2", down: "\u25BC", suspect: "\u25D0", recovering: "\u21BB", disabled: "\u2013", unknown: "?" };
var RANK = { down: 400, recovering: 300, suspect: 250, unknown: 100, up: 0, disabled: 0 };
var DAY = 86400;

var status = null; /* the document of now */
var domains = []; /* of it */
var alertsOf = new Map(); /* of a domain */
var urgencies = new Map();
var servers = new Map(); /* the elements of `primaries` */

function take(s) {
	status = s;
	clock = { time: num(s.time), at: performance.now() };
	domains = objects(s.domains).filter(function (d) { return typeof d.domain === "string"; });
	alertsOf = new Map();
	objects(s.alerts).forEach(function (a) {
		if (!str(a.domain)) return;
		if (!alertsOf.has(a.domain)) alertsOf.set(a.domain, []);
		alertsOf.get(a.domain).push(a);
	});
	/* once a document, for they are asked for by each who sorts and counts */
	urgencies = new Map(domains.map(function (d) { return [d, reckon(d)]; }));
	servers = new Map(objects(s.primaries).map(function (p) { return [str(p.primary), p]; }));
}

function queue(d) { return d.queue && typeof d.queue === "object" ? d.queue : {}; }
function messages(d) { return num(queue(d).messages); }
function oldest(d) { return messages(d) > 0 ? num(queue(d).oldest) : 0; }
function expiry(d) { return messages(d) > 0 ? num(queue(d).next_expiry) : 0; }
function share(d) { return Math.max(0, Math.min(1, num(queue(d).lifetime_used_ratio))); }
/* When there is little time left to do something. */
function isNear(t) { return t > 0 && t - now() < DAY; }
function stateOf(d) { return MARK[d.state] ? d.state : "unknown"; }
function isRemoved(d) { return d.removed === true || d.configured === false; }
function primariesOf(d) { return objects(d.primaries); }
function fails(p) { return p.probed === true && p.healthy !== true; }
function probeTime(p) {
	if (p.probe_seconds !== undefined) return num(p.probe_seconds);
	return PHASES.reduce(function (sum, name) { return sum + num((p.phase_seconds || {})[name]); }, 0);
}
/* The one that mail would go to; if there is none, the first that fails. */
function mainPrimary(d) {
	var all = primariesOf(d);
	return all.find(function (p) { return p.healthy === true; }) || all.find(fails) || all[0];
}
function urgency(d) { return urgencies.get(d); }
function reckon(d) {
	var u = RANK[stateOf(d)];
	if (messages(d) > 0) u += 50 + 500 * share(d) + (isNear(expiry(d)) ? 500 - 200 * (expiry(d) - clock.time) / DAY : 0);
	if (queue(d).on_hold) u += 60;
	if (d.breaker) u += 350;
	if (d.owner === "") u += 200;
	(alertsOf.get(d.domain) || []).forEach(function (a) {
		u += a.silenced ? 0 : a.severity === "critical" ? 600 : 120;
	});
	if (primariesOf(d).some(fails)) u += 40;
	return d.maintenance ? u / 2 : u;
}
function needsAttention(d) { return urgency(d) >= 100; }

/* What is said of a domain beside its state: [class, word, what it means]. */
function tagsOf(d) {
	var t = [], q = queue(d), m = d.maintenance, own = alertsOf.get(d.domain) || [];
	if (isRemoved(d)) t.push(["quiet", "removed", "No longer in the configuration; its queued mail keeps the old settings"]);
	if (m) t.push(["quiet", m.hold ? "maintenance, held" : "maintenance", str(m.reason) || "A maintenance window"]);
	if (d.redirect) t.push(["quiet", "redirected", "An operator sends its mail to " + list(d.redirect.to).join(", ")]);
	if (q.on_hold) t.push(["warn", "on hold", "An operator holds all of its mail"]);
	else if (d.breaker) t.push(["crit", "breaker", "Held: the primary permanently refuses mail that it should accept"]);
	else if (num(q.held) > 0) t.push(["warn", count(q.held, "held", "held"), "Single messages are on hold"]);
	if (d.owner === "") t.push(["crit", "no node", "No node of the cluster has its mail"]);
	if (own.length > 0 && own.every(function (a) { return a.silenced; })) t.push(["quiet", "silenced", "Nobody is notified of its alerts"]);
	if (num(d.expired_1d) > 0) t.push(["crit", count(d.expired_1d, "expired", "expired"), "In the last day"]);
	return t;
}

/* ---- causes: what is wrong, by the primary that it is about */

function causeOf(d) {
	var bad = primariesOf(d).find(fails), told, main;
	if (bad && d.state !== "up" && !d.breaker) return str(bad.primary);
	told = (alertsOf.get(d.domain) || []).find(function (a) { return str(a.primary); });
	if (told) return str(told.primary);
	main = mainPrimary(d);
	return bad ? str(bad.primary) : main ? str(main.primary) : "";
}
/* Its mail goes, and nobody is told of anything: that has no cause any more. */
function isMending(d) { return d.state === "recovering" && !d.breaker && !alertsOf.has(d.domain) && !primariesOf(d).some(fails); }
function isOnlyHeld(d) { return d.state === "up" && queue(d).on_hold === true && !d.breaker && !alertsOf.has(d.domain) && !primariesOf(d).some(fails); }
function newCause(key, title) {
	return { key: key, title: title, primary: "", domains: [], alerts: [], down: 0, messages: 0, bytes: 0, oldest: 0, expiry: 0,
		since: 0, text: "", why: "", state: "", maintained: 0 };
}
/* Of a domain that is not down, why it needs attention all the same. */
function whyOf(d) {
	return d.owner === "" ? "no node has its mail" : isNear(expiry(d)) ? "mail is about to expire" : num(d.expired_1d) > 0 ? "mail has expired" :
		d.state === "recovering" || d.state === "suspect" || d.state === "down" ? d.state : primariesOf(d).some(fails) ? "one of its primaries fails" :
		messages(d) > 0 ? "mail waits" : "its state is not known yet";
}
function least(a, b) { return a === 0 ? b : b === 0 ? a : Math.min(a, b); }
function addDomain(c, d) {
	c.domains.push(d);
	c.down += d.state === "down" ? 1 : 0;
	c.messages += messages(d);
	c.bytes += num(queue(d).bytes);
	c.oldest = least(c.oldest, oldest(d));
	c.expiry = least(c.expiry, expiry(d));
	c.maintained += d.maintenance ? 1 : 0;
	if (d.state !== "up") c.since = least(c.since, num(d.state_since));
	if (!c.text && d.breaker) c.text = "refuses mail that it should accept: " + str(d.breaker.reply);
	if (!c.text) c.text = str(d.cause) || str(d.trouble);
	if (!c.why) c.why = whyOf(d);
}
function rankOf(c) {
	var loud = c.alerts.filter(function (a) { return !a.silenced && a.state !== "pending"; });
	if (loud.some(function (a) { return a.severity === "critical" && !a.acked_by; })) return 5;
	if (c.alerts.length > 0 && c.alerts.every(function (a) { return a.silenced; })) return 0;
	if (c.domains.length > 0 && c.maintained === c.domains.length) return 1;
	if (c.down > 0) return loud.length > 0 && loud.every(function (a) { return a.acked_by; }) ? 3 : 4;
	return loud.length > 0 ? 3 : 2;
}
function finish(c) {
	var p = servers.get(c.primary), down = c.down > 0;
	c.rank = rankOf(c);
	c.silenced = c.alerts.length > 0 && c.alerts.every(function (a) { return a.silenced; });
	c.acked = str((c.alerts.find(function (a) { return a.acked_by; }) || {}).acked_by);
	c.pending = c.alerts.length > 0 && c.alerts.every(function (a) { return a.state === "pending"; });
	c.critical = c.alerts.some(function (a) { return a.severity === "critical" && !a.silenced && a.state !== "pending"; });
	c.state = down ? "down" : c.domains.some(function (d) { return d.state === "recovering"; }) ? "recovering" : "suspect";
	if (p && p.reach === "down") {
		c.text = (str(p.cause) || str(p.text) || c.text);
		c.since = num(p.reach_since) || c.since;
	}
	if (!c.text && c.alerts.length > 0) c.text = str(c.alerts[0].summary);
	if (!c.text) c.text = c.why;
	if (!c.since) c.since = c.alerts.reduce(function (t, a) { return least(t, num(a.since)); }, 0);
	return c;
}
/* The worst first: by how loud it is, then what expires today, then what waits. */
function causes() {
	var all = new Map(), at = function (key, title, primary) {
		if (!all.has(key)) {
			all.set(key, newCause(key, title));
			all.get(key).primary = primary;
		}
		return all.get(key);
	}, of = new Map();
	domains.forEach(function (d) {
		var key, c;
		if (!needsAttention(d) && !alertsOf.has(d.domain)) return;
		key = causeOf(d);
		c = isMending(d) ? at("mending", "recovering", "") : isOnlyHeld(d) ? at("held", "on hold", "") : at("p:" + key, key || "no primary known", key);
		of.set(d.domain, c);
		addDomain(c, d);
	});
	objects(status.alerts).forEach(function (a) {
		var c = a.domain ? of.get(a.domain) : undefined;
		if (c === undefined && str(a.primary)) c = at("p:" + a.primary, str(a.primary), str(a.primary));
		else if (c === undefined && str(a.list)) c = at("l:" + a.list, "list " + a.list, "");
		else if (c === undefined) c = a.domain ? at("d:" + a.domain, str(a.domain), "") : at("self", "mxwatchd itself", "");
		c.alerts.push(a);
	});
	return Array.from(all.values()).map(finish).sort(function (a, b) {
		return b.rank - a.rank || isNear(b.expiry) - isNear(a.expiry) || b.messages - a.messages || b.down - a.down ||
			b.domains.length - a.domains.length || (a.title < b.title ? -1 : 1);
	});
}
