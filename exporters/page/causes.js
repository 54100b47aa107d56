/* SPDX-License-Identifier: ISC
 * causes: what is wrong, above the table: a line for each primary that is to blame, what
 * it costs and until when; its alerts behind it. */

var SHOWN = 5, SHOWN_MORE = 50; /* causes; with "more" */
var ALERTS = 10; /* of a cause */
var unfolded = new Set(), moreCauses = false;

function pin(name) { return "#domain=" + encodeURIComponent(name); }
function only(q) { return "#q=" + encodeURIComponent(q); }

function causeMark(c) {
	return c.silenced ? ["quiet", "\u2013", "silenced"] : c.critical ? ["crit", "\u25BC", "critical"] : c.down > 0 ? ["crit", "\u25BC", "down"] :
		c.state === "recovering" ? ["info", "\u21BB", "recovering"] : ["warn", "\u25D0", "warning"];
}
function causeTags(c) {
	var t = [];
	if (c.silenced) t.push(["quiet", "silenced"]);
	if (c.acked) t.push(["quiet", "in hand: " + c.acked]);
	if (c.pending) t.push(["quiet", "pending"]);
	if (c.domains.length > 0 && c.maintained === c.domains.length) t.push(["quiet", "maintenance"]);
	if (c.domains.some(function (d) { return d.breaker; })) t.push(["crit", "breaker"]);
	return t;
}
function alertLine(a) {
	var li = el("li", a.silenced ? "silenced" : str(a.severity));
	add(li, "strong", "", (str(a.severity) || "warning") + ": " + (str(a.alert) || str(a.name)) + " ");
	if (str(a.domain)) link(li, "", a.domain, pin(a.domain));
	words(li, (str(a.domain) ? " " : "") + (str(a.summary) || str(a.text)) + " ");
	time(li, a.since).classList.add("soft");
	["silenced", "held"].forEach(function (w) { if (a[w]) add(li, "span", "tag quiet", w); });
	if (a.state === "pending") add(li, "span", "tag quiet", "pending");
	if (a.acked_by) add(li, "span", "tag quiet", "in hand: " + str(a.acked_by));
	return li;
}
function causeAlerts(c) {
	var ul = el("ul", "cause-alerts"), shown = c.alerts.slice(0, ALERTS), rest, first;
	shown.forEach(function (a) { ul.appendChild(alertLine(a)); });
	if (c.alerts.length > ALERTS) add(ul, "li", "soft", "and " + group(c.alerts.length - ALERTS) + " more: mxwatchctl alerts");
	rest = c.domains.filter(function (d) { return !shown.some(function (a) { return a.domain === d.domain; }); });
	first = rest.slice(0, ALERTS);
	if (first.length > 0) {
		var li = add(ul, "li", "soft", shown.length > 0 ? "Other domains: " : "Domains: ");
		first.forEach(function (d) { link(li, "", d.domain, pin(d.domain)); words(li, " "); });
		if (rest.length > first.length) link(li, "", "and " + group(rest.length - first.length) + " more", only(c.primary || c.title));
	}
	return ul;
}
/* What is behind a line is opened by a button that says how much it is. */
function foldOf(to, c) {
	var open = unfolded.has(c.key), id = "cause-" + c.key, text = c.alerts.length > 0 ? count(c.alerts.length, "alert", "alerts") : "domains";
	var fold = button(to, "fold", text, function () {
		if (open) unfolded.delete(c.key); else unfolded.add(c.key);
		renderCauses();
		var again = document.querySelector("#causes [aria-controls=" + CSS.escape(id) + "]");
		if (again) again.focus();
	});
	fold.setAttribute("aria-expanded", open);
	fold.setAttribute("aria-controls", id);
	fold.setAttribute("aria-label", text + " about " + c.title);
}
function causeLine(c) {
	var li = el("li", "cause"), m = causeMark(c), line = add(li, "div", "cause-line " + m[0]), mark = add(line, "span", "mark", m[1]), cost, cell, until, tags, ul;
	mark.setAttribute("role", "img");
	mark.setAttribute("aria-label", m[2]);
	mark.title = m[2];
	if (c.domains.length === 1) link(line, "who", c.title, pin(c.domains[0].domain));
	else if (c.domains.length > 1) link(line, "who", c.title, only(c.primary || c.title));
	else add(line, "span", "who", c.title);
	cost = add(line, "span", "why", c.key === "mending" ? "what is queued goes" : c.key === "held" ? "an operator holds all mail" : c.text);
	cost.title = clean(c.text);
	cell = add(line, "span", "since");
	if (c.since) time(cell, c.since);
	add(line, "span", "hit", c.domains.length === 0 ? "" : c.down > 0 ? count(c.down, "domain down", "domains down") : count(c.domains.length, "domain", "domains"));
	add(line, "span", "cost", c.messages > 0 ? count(c.messages, "message", "messages") : "nothing queued");
	add(line, "span", "size", c.messages > 0 ? bytes(c.bytes) : "");
	until = add(line, "span", "until" + (isNear(c.expiry) ? " bad" : ""), c.expiry ? "first expires " : "");
	if (c.expiry) time(until, c.expiry);
	tags = add(line, "span", "tags");
	causeTags(c).forEach(function (t) { add(tags, "span", "tag " + t[0], t[1]); });
	foldOf(tags, c);
	if (unfolded.has(c.key)) {
		ul = li.appendChild(causeAlerts(c));
		ul.id = "cause-" + c.key;
	}
	return li;
}
function causesKey(all) {
	return JSON.stringify([moreCauses, Array.from(unfolded), all.length, all.slice(0, moreCauses ? SHOWN_MORE : SHOWN).map(function (c) {
		return [c.key, c.rank, c.text, c.since, c.down, c.domains.length, c.messages, c.bytes, c.expiry, isNear(c.expiry), c.silenced, c.acked, c.pending,
			c.state, unfolded.has(c.key) ? c.alerts : c.alerts.length];
	})]);
}
var causesAll = [];
function renderCauses() {
	var all = causesAll, ul = $("causes"), key = causesKey(all), most = moreCauses ? SHOWN_MORE : SHOWN, focused, b;
	var loud = all.filter(function (c) { return c.rank > 1; }), hit = 0, queued = 0, silent = 0;
	all.forEach(function (c) { hit += c.domains.length; queued += c.messages; silent += c.silenced ? 1 : 0; });
	$("alerts").hidden = all.length === 0;
	set($("alerts-title"), all.length === 0 ? "" : (loud.length === 0 ? "No alert that anybody is notified of" : count(loud.length, "cause", "causes")) +
		(silent > 0 ? ", " + group(silent) + " silenced" : "") + ", " +
		count(hit, "domain", "domains") + ", " + count(queued, "message waits", "messages wait"));
	if (ul.dataset.key === key) return;
	focused = ul.contains(document.activeElement) ? document.activeElement.getAttribute("aria-controls") || document.activeElement.getAttribute("href") : null;
	ul.dataset.key = key;
	fill(ul, all.slice(0, most).map(causeLine));
	if (focused) {
		b = Array.from(ul.querySelectorAll("button, a")).find(function (e) { return e.getAttribute("aria-controls") === focused || e.getAttribute("href") === focused; });
		if (b) b.focus({ preventScroll: true });
	}
	$("causes-more").hidden = all.length <= SHOWN;
	set($("causes-more"), moreCauses ? "Show " + SHOWN + " only" + (all.length > SHOWN_MORE ? " (" + group(all.length - SHOWN_MORE) + " are not shown: mxwatchctl alerts)" : "") :
		"and " + group(all.length - SHOWN) + " more");
}
function updateCauses() {
	causesAll = causes();
	renderCauses();
}
