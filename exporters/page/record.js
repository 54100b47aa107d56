/* SPDX-License-Identifier: ISC
 * record: the record of outages: a lane each primary, and what happened; the same of one
 * domain for its details. */

var LANES = 20, STORIES = 20, MONTH = 30 * DAY;
var outages = null;
/* The marks of an outage (mxwatch-status(7)). */
var MARK_SAYS = { told: "told", operator: "command", up: "up again", flap: "failed again", restart: "mxwatchd restarted", maintenance: "maintenance" };

/* In a cluster: the nodes that saw it. What others of them saw up was not down. */
function seenBy(o) { return list(o.nodes).map(str).join(", "); }
function lost(o) { return num(o.down_seconds) === 0 && seenBy(o) !== ""; }
/* Seconds that it was down, as far as it is known by now. */
function downFor(o) { return o.state === "down" && !seenBy(o) ? now() - num(o.failed) - num(o.unwatched_seconds) : num(o.down_seconds); }

function piece(image, from, to, a, b, name, title) {
	var x = Math.max(from, a), w = Math.min(to, b) - x, r;
	if (w < 0 || to <= from) return;
	r = svg("rect", { "class": name, x: ((x - from) / (to - from) * 1000).toFixed(2), y: 0, width: Math.max(2, w / (to - from) * 1000).toFixed(2), height: 22 });
	if (title) r.appendChild(svg("title", {})).textContent = clean(title);
	image.appendChild(r);
}
/* A lane of what is known of `name` from then on: down, draining, not watched. */
function laneImage(name, known, own, away, from, to) {
	var n = 0, down = 0, image = svg("svg", { "class": "time", viewBox: "0 0 1000 22", preserveAspectRatio: "none", role: "img" });
	if (known) piece(image, from, to, Math.max(from, known), to, "known");
	own.forEach(function (o) {
		var up = o.state === "down" ? to : num(o.recovered) || to;
		if ((num(o.drained) || up) < from) return;
		n++;
		down += downFor(o);
		if (num(o.drained) > up) piece(image, from, to, up, num(o.drained), "draining", "flush: " + group(o.delivered) + " delivered in " + duration(o.drain_seconds));
		piece(image, from, to, num(o.failed), up, lost(o) ? "partly" : num(o.maintenance_seconds) * 2 > num(o.down_seconds) ? "maintenance" : "down",
			"down for " + duration(downFor(o)) + " from " + exact(num(o.failed)));
	});
	away.forEach(function (o) { piece(image, from, to, num(o.failed), num(o.recovered), "away", "mxwatchd did not run"); });
	attr(image, "aria-label", name + ": " + (n === 0 ? "no outage" : count(n, "outage", "outages") + ", down for " + duration(down)));
	return image;
}
function marks(o, what) {
	return objects(o.marks).filter(function (m) { return m.what === what; }).map(function (m) { return str(m.who) + (m.text ? " (" + str(m.text) + ")" : ""); });
}
function story(o) {
	var li = el("li", str(o.state)), told = marks(o, "told"), did = marks(o, "operator");
	if (o.kind === "daemon") {
		add(li, "strong", "", "mxwatchd " + (seenBy(o) ? "of " + seenBy(o) + " " : "") + "did not run");
		words(li, " for " + duration(seenBy(o) ? num(o.recovered) - num(o.failed) : o.unwatched_seconds) +
			(!seenBy(o) ? ": nobody watched" : num(o.unwatched_seconds) > 0 ? ": nobody watched for " + duration(o.unwatched_seconds) : ": others watched") + " \u00B7 ");
		time(li, o.failed);
		return li;
	}
	add(li, "strong", "", str(o.name) + (o.state === "over" ? "" : o.state === "down" ? " is down" : " is draining"));
	words(li, " \u00B7 ");
	time(li, o.failed);
	words(li, ", down for " + duration(downFor(o)) + (num(o.flaps) > 0 ? " with " + count(o.flaps, "flap", "flaps") : "") +
		(num(o.drain_seconds) > 0 ? ", drained in " + duration(o.drain_seconds) : "") +
		(num(o.accepted) > 0 ? " \u00B7 " + count(o.accepted, "message", "messages") + " accepted, " + group(o.delivered) + " delivered" : "") +
		(num(o.returned) + num(o.expired) > 0 ? ", " + group(num(o.returned) + num(o.expired)) + " returned" : "") +
		(o.reply ? " \u00B7 " + str(o.reply) : "") + (num(o.maintenance_seconds) > 0 ? " \u00B7 maintenance" : "") +
		(seenBy(o) ? " \u00B7 seen by " + seenBy(o) : "") +
		(told.length > 0 ? " \u00B7 told: " + told.slice(0, 3).join(", ") : "") + (did.length > 0 ? " \u00B7 done: " + did.slice(0, 3).join(", ") : ""));
	return li;
}
function isAway(o) { return o.kind === "daemon" && (num(o.unwatched_seconds) > 0 || !seenBy(o)); }

function laneLine(p, own, away, from, ratio) {
	var box = el("div", "lane");
	link(add(box, "span", "who"), "", str(p.primary), only(str(p.primary)));
	box.appendChild(laneImage(str(p.primary), num(p.known_since), own, away, from, now()));
	add(box, "span", "ratio", percent(p[ratio]));
	return box;
}
function updateOutages() {
	var days = num(Number($("span").value)), from = now() - days * DAY, all = outages ? outages.all : [], of = new Map(), lanes, shown;
	var ratio = days > 30 ? "availability_365d" : "availability_30d";
	if (!differs($("lanes"), JSON.stringify([days, Math.floor(now() / 60), all]))) return;
	all.forEach(function (o) {
		if (o.kind !== "primary") return;
		if (!of.has(o.name)) of.set(o.name, []);
		of.get(o.name).push(o);
	});
	/* Those that had an outage, the last one first. */
	lanes = objects(status.primaries).filter(function (p) { return typeof p.primary === "string"; }).map(function (p) {
		var own = of.get(p.primary) || [];
		return [own.length > 0 ? num(own[0].id) : 0, p, own];
	}).sort(function (a, b) { return b[0] - a[0] || (a[1].primary < b[1].primary ? -1 : 1); });
	fill($("lanes"), lanes.slice(0, LANES).map(function (l) { return laneLine(l[1], l[2], all.filter(isAway), from, ratio); }));
	setTime($("scale-from"), from);
	shown = all.filter(function (o) { return (num(o.drained) || num(o.recovered) || now()) >= from; });
	fill($("events"), shown.slice(0, STORIES).map(story));
	set($("outages-title"), shown.length === 0 ? "No outage" : (outages.more ? "More than " : "") + count(shown.length, "outage", "outages"));
	set($("events-rest"), (shown.length > STORIES ? group(shown.length - STORIES) + " more: mxwatchctl outages. " : "") +
		(lanes.length > LANES ? group(lanes.length - LANES) + " primaries are not shown." : ""));
}

/* ---- of one domain */

/* What happened to it, the last first: [time, class, text]. */
function eventsOf(all) {
	var e = [];
	all.forEach(function (o) {
		var name = o.kind === "domain" ? "" : str(o.name) + " ";
		if (o.kind === "daemon") {
			e.push([num(o.failed), "away", "mxwatchd did not run for " + duration(num(o.recovered) - num(o.failed))]);
			return;
		}
		e.push([num(o.failed), "down", name + "went down" + (o.reply ? ": " + str(o.reply) : "")]);
		if (num(o.recovered)) e.push([num(o.recovered), "up", name + "is back after " + duration(o.down_seconds)]);
		if (num(o.drained)) e.push([num(o.drained), "draining", name + "queue is flushed: " + group(o.delivered) + " delivered" +
			(num(o.returned) + num(o.expired) > 0 ? ", " + group(num(o.returned) + num(o.expired)) + " returned" : "")]);
		objects(o.marks).forEach(function (m) {
			e.push([num(m.at), str(m.what), (MARK_SAYS[m.what] || str(m.what)) + (m.who ? (m.what === "operator" ? " by " : ": ") + str(m.who) : "") + (m.text ? " (" + str(m.text) + ")" : "")]);
		});
	});
	return e.filter(function (x) { return x[0] > 0; }).sort(function (a, b) { return b[0] - a[0]; });
}
