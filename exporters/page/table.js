/* SPDX-License-Identifier: ISC
 * table: the domains, a line each. Only the lines near the window are in the document,
 * between two that are as high as those that are not, so 5,000 cost what 50 do. All
 * lines have one height; the details of the one that is open lie behind it. */

var OVER = 10; /* lines more than there is room for, above and below */
var WHOLE = 60; /* so few are all there, and found by the search of the browser */
var PRINTED = 1000; /* on paper: there is no window to scroll */

var SORTS = {
	domain: { by: function (d) { return d.domain; }, down: false },
	state: { by: urgency, down: true },
	queued: { by: messages, down: true },
	size: { by: function (d) { return num(queue(d).bytes); }, down: true },
	oldest: { by: function (d) { return oldest(d) || Infinity; }, down: false },
	expires: { by: function (d) { return expiry(d) || Infinity; }, down: false },
	probe: { by: function (d) { var p = mainPrimary(d); return p ? (fails(p) ? 1e6 : 0) + probeTime(p) : -1; }, down: true },
};

var rows = new Map(); /* the lines that are in the document, by domain */
var view = []; /* the domains that fit the filter, in their order */
var place = new Map(); /* of each in it */
var cursor = ""; /* the line that arrows go on from */
var lineHeight = 25, printed = false;

/* ---- what is shown */

function textOf(d) {
	return (d.domain + " " + stateOf(d) + " " + str(d.owner) + " " + tagsOf(d).map(function (t) { return t[1]; }).join(" ") + " " +
		primariesOf(d).map(function (p) { return str(p.primary); }).join(" ")).toLowerCase();
}
function choose() {
	var words = at.q.toLowerCase().split(/\s+/).filter(Boolean), name = at.sort.replace(/^-/, ""), by = SORTS[name].by;
	var sign = at.sort[0] === "-" ? -1 : 1, keyed;
	keyed = domains.filter(function (d) {
		var text;
		if (at.attention && !needsAttention(d) && !isOpen(d.domain)) return false;
		if (words.length === 0) return true;
		text = textOf(d);
		return words.every(function (w) { return text.indexOf(w) >= 0; });
	}).map(function (d) { return [by(d), d]; });
	keyed.sort(function (a, b) {
		return a[0] === b[0] ? (a[1].domain < b[1].domain ? -1 : 1) : (a[0] < b[0] ? -sign : sign);
	});
	view = keyed.map(function (k) { return k[1]; });
	place = new Map(view.map(function (d, i) { return [d.domain, i]; }));
}

/* ---- a line */

function makeRow(d) {
	var r = { tr: el("tr", "row") }, cell = function (className) {
		var td = add(r.tr, "td", className);
		td.setAttribute("role", "cell");
		return td;
	}, th = add(r.tr, "th", "c-domain"), who;
	r.tr.setAttribute("role", "row");
	th.setAttribute("role", "rowheader");
	th.scope = "row";
	who = add(th, "div", "who");
	r.name = button(who, "name", d.domain, function () { cursor = d.domain; toggle(d.domain); });
	r.name.title = d.domain;
	r.tags = add(who, "span", "tags");
	r.stateCell = cell("c-state");
	r.state = add(r.stateCell, "span", "state");
	words(r.stateCell, " ");
	r.since = add(r.stateCell, "time", "soft");
	r.queued = cell("c-queued n");
	r.size = cell("c-size n");
	r.oldest = add(cell("c-oldest n"), "time");
	r.expires = add(cell("c-expires n"), "time");
	r.probe = cell("c-probe");
	r.trend = cell("c-trend");
	return r;
}
function showTags(e, d) {
	var t = tagsOf(d);
	if (!differs(e, JSON.stringify(t))) return;
	fill(e, t.map(function (x) {
		var s = el("span", "tag " + x[0], x[1]);
		s.title = clean(x[2]);
		return s;
	}));
}
function stateText(d, s) {
	var f = d.flush;
	if (f && f.running === true && num(f.total) > 0) return MARK[s] + " " + s + ", " + Math.floor(100 * (1 - num(f.remaining) / f.total)) + "\u00A0%";
	return MARK[s] + " " + s;
}
function flushText(f) {
	return f && f.running === true ? "flush: " + group(num(f.total) - num(f.remaining)) + " of " + count(num(f.total), "message", "messages") : "";
}
function showProbe(e, d) {
	var p = mainPrimary(d), all = primariesOf(d), ill = all.filter(fails).length, bad = p && fails(p), text;
	if (!p) text = "no primary known yet";
	else if (p.probed !== true) text = str(p.primary) + " not probed yet";
	else if (bad) text = "\u2715 " + str(p.primary) + " failed" + (p.failed_phase ? ", " + str(p.failed_phase) : "") + ": " + (str(p.text) || "no reply");
	else text = "\u2713 " + str(p.primary) + " " + millis(probeTime(p)) + (ill > 0 ? " (" + ill + " of " + all.length + " fail)" : "");
	set(e, text);
	e.title = clean(text) + (p && p.last_run ? ", probed " + exact(num(p.last_run)) : "");
	e.className = "c-probe" + (bad ? " bad" : ill > 0 ? " warning" : "");
}
function updateRow(r, d, i) {
	var s = stateOf(d), open = isOpen(d.domain), near = isNear(expiry(d)), q = queue(d);
	attr(r.tr, "class", "row " + s + (open ? " open" : ""));
	attr(r.tr, "aria-rowindex", i + 2);
	attr(r.name, "aria-expanded", open);
	attr(r.name, "tabindex", d.domain === (cursor || (view[0] && view[0].domain)) ? 0 : -1);
	set(r.state, stateText(d, s));
	attr(r.state, "title", flushText(d.flush));
	setTime(r.since, d.flush && d.flush.running === true ? 0 : num(d.state_since), true);
	showTags(r.tags, d);
	set(r.queued, messages(d) > 0 ? group(messages(d)) : "\u2013");
	set(r.size, messages(d) > 0 ? bytes(q.bytes) : "");
	setTime(r.oldest, oldest(d), true);
	setTime(r.expires, expiry(d));
	if (!expiry(d)) set(r.expires, "");
	attr(r.expires, "class", near ? "bad" : share(d) >= .8 ? "bad" : share(d) >= .5 ? "warning" : "");
	showProbe(r.probe, d);
	showTrend(r.trend, d.domain, 120, 20, 3);
}

/* ---- which lines are in the document */

/* Those that are open and in the table, from above: the place of each, and the height
 * of its details. */
function openPlaces() {
	return at.open.filter(function (name) { return place.has(name); }).map(function (name) {
		return { at: place.get(name), height: details.has(name) ? details.get(name).height : 0 };
	}).sort(function (a, b) { return a.at - b.at; });
}
function top(i) {
	return openPlaces().reduce(function (y, o) { return y + (i > o.at ? o.height : 0); }, i * lineHeight);
}
/* The line at that height, or the one whose details are there. */
function lineAt(y) {
	var all = openPlaces(), above = 0, i, line;
	for (i = 0; i < all.length; i++) {
		line = Math.floor((y - above) / lineHeight);
		if (line <= all[i].at) return line;
		above += all[i].height;
		if ((y - above) / lineHeight < all[i].at + 1) return all[i].at;
	}
	return Math.floor((y - above) / lineHeight);
}
function spacer(id, height) {
	var e = $(id);
	e.firstChild.style.height = height + "px";
	e.hidden = height <= 0;
}
/* What spans all columns spans those that there are: more would take their room. */
function fitSpans() {
	var n = Array.from($("heads").children).filter(function (th) { return th.offsetWidth > 0; }).length;
	document.querySelectorAll(".spacer > td, .detail > td").forEach(function (td) { if (td.colSpan !== n) td.colSpan = n; });
}
/* Height of a line as the style has it, and of the details as they are. */
function measure() {
	var r = rows.values().next().value, h;
	if (r && (h = r.tr.getBoundingClientRect().height) > 0) lineHeight = h;
	details.forEach(function (d) { if (d.tr.parentNode) d.height = d.tr.getBoundingClientRect().height; });
}
function putRows() {
	var body = $("rows"), box = body.getBoundingClientRect(), from = 0, to = view.length, keep = new Set(), next, i, r, d, open;
	if (printed) to = Math.min(to, PRINTED);
	else if (view.length > WHOLE) {
		from = Math.max(0, lineAt(-box.top) - OVER);
		to = Math.min(view.length, lineAt(window.innerHeight - box.top) + 1 + OVER);
		from = Math.min(from, Math.max(0, to - 1));
	}
	for (i = from; i < to; i++) keep.add(view[i].domain);
	rows.forEach(function (r, name) {
		if (keep.has(name)) return;
		if (r.tr.contains(document.activeElement)) $("domains").focus({ preventScroll: true });
		r.tr.remove();
		rows.delete(name);
	});
	next = $("above").nextSibling;
	for (i = from; i < to; i++) {
		d = view[i];
		r = rows.get(d.domain);
		if (!r) rows.set(d.domain, r = makeRow(d));
		updateRow(r, d, i);
		if (next === r.tr) next = next.nextSibling; else body.insertBefore(r.tr, next);
		open = details.get(d.domain);
		if (!open) continue;
		if (next === open.tr) next = next.nextSibling; else body.insertBefore(open.tr, next);
	}
	details.forEach(function (one, name) { if (!keep.has(name)) one.tr.remove(); });
	spacer("above", printed ? 0 : top(from));
	spacer("below", printed ? 0 : top(view.length) - top(to));
	$("cut").hidden = to - from === view.length || !printed;
	set($("cut"), "The first " + group(PRINTED) + " of " + group(view.length) + ".");
	if (!printed) wantHistory(Array.from(keep));
}

/* Whether the line, or what is open behind it, is in the window. */
function isSeen(name) {
	var y = rows.get(name).tr.getBoundingClientRect().top;
	return y < window.innerHeight && y + lineHeight + (details.has(name) ? details.get(name).height : 0) > 0;
}

/* The line that one works at stays where it is in the window, whatever comes or goes
 * above it, and keeps the focus. */
function anchor() {
	var active = document.activeElement, name = "", focused = false, before;
	rows.forEach(function (one, of) {
		if (one.tr.contains(active)) { name = of; focused = true; }
		else if (name === "" && isOpen(of) && isSeen(of)) name = of;
	});
	if (name === "" || !isSeen(name)) return function () {};
	before = rows.get(name).tr.getBoundingClientRect().top;
	return function () {
		var y = place.has(name) ? $("rows").getBoundingClientRect().top + top(place.get(name)) - before : 0;
		if (Math.abs(y) >= 1) window.scrollBy(0, y);
		putRows();
		if (focused && rows.has(name) && !rows.get(name).tr.contains(document.activeElement)) rows.get(name).name.focus({ preventScroll: true });
	};
}
/* By a refresh, or because somebody filters or sorts: then the window does not follow. */
function renderTable(refresh) {
	var hold = refresh ? anchor() : putRows, all = domains.length;
	choose();
	measure();
	putRows();
	fitSpans();
	measure();
	hold();
	set($("domains-title"), view.length === all ? count(all, "domain", "domains") : group(view.length) + " of " + count(all, "domain", "domains"));
	attr($("table"), "aria-rowcount", view.length + 1);
	$("none").hidden = view.length > 0;
	set($("none"), all === 0 ? "No domain is configured. Add a domain section with its primaries, see mxwatchd.conf(5)." : "No domain matches the filter.");
	$("close-all").hidden = at.open.length < 2;
	set($("close-all"), "Close " + count(at.open.length, "row", "rows"));
	set($("trend-title"), view.length > 0 ? "Last " + spanText() : "Trend");
	document.querySelectorAll("th[data-sort]").forEach(function (th) {
		var on = at.sort.replace(/^-/, "") === th.dataset.sort;
		attr(th, "aria-sort", !on ? "none" : at.sort[0] === "-" ? "descending" : "ascending");
	});
}

function print(yes) {
	printed = yes;
	if (status && at.view === "domains") renderTable(false);
}

/* ---- keyboard */

function goTo(i) {
	var d = view[Math.max(0, Math.min(view.length - 1, i))], y, edge = 60;
	if (!d) return;
	cursor = d.domain;
	y = $("rows").getBoundingClientRect().top + top(place.get(cursor));
	if (y < edge) window.scrollBy(0, y - edge);
	else if (y + lineHeight > window.innerHeight - edge) window.scrollBy(0, y + lineHeight - window.innerHeight + edge);
	putRows();
	if (rows.has(cursor)) rows.get(cursor).name.focus({ preventScroll: true });
}
function onTableKey(e) {
	var step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity }[e.key], inDetail;
	inDetail = detailOf(e.target) !== undefined;
	if (step === undefined || inDetail || e.ctrlKey || e.altKey || e.metaKey) return;
	e.preventDefault();
	goTo(place.has(cursor) ? place.get(cursor) + step : 0);
}
