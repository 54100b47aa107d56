/* SPDX-License-Identifier: ISC
 * trend: what was queued as an area, the time of probes as a line, the state as a strip,
 * over the time that is known: a daemon of an hour has an hour as wide as another its day. */

var LETTER = { u: "up", d: "down", s: "suspect", r: "recovering", x: "disabled" };
var STEP = 300, POINTS = 288;
var history = new Map(); /* of a domain: points and when they were had */
var span = 2; /* points that all trends show */

function takeHistory(h) {
	objects(h.domains).forEach(function (d) {
		history.delete(d.domain); /* the last one in is the last one out */
		history.set(d.domain, { at: performance.now(), last: num(h.last), depth: list(d.depth), probe: list(d.probe_ms), state: str(d.state) });
	});
	history.forEach(function (unused, name) { if (history.size > 1000) history.delete(name); });
	span = 2;
	history.forEach(function (d) { span = Math.max(span, Math.min(POINTS, d.depth.length)); });
}
function spanText() { return span >= POINTS ? "day" : duration((span - 1) * STEP); }

function most(values) { return Math.max.apply(null, values.map(num).concat(0)); }
function path(values, step, height, top) {
	var text = "", pen = false;
	values.forEach(function (v, i) {
		if (v === null || v === undefined) { pen = false; return; }
		text += (pen ? "L" : "M") + (i * step).toFixed(1) + " " + (height - num(v) / top * height).toFixed(1);
		pen = true;
	});
	return text;
}
function trend(h, width, height, strip) {
	var pad = new Array(Math.max(0, span - h.depth.length)).fill(null), depth = pad.concat(h.depth.slice(-span));
	var probe = pad.concat(h.probe.slice(-span)), state = h.state.slice(-span), step = width / Math.max(1, span - 1);
	var deep = most(h.depth), slow = Math.max(1, most(h.probe));
	var floor = height - strip - 1, line = path(depth, step, floor, Math.max(1, deep)), i, to, image;
	image = svg("svg", { "class": "spark", viewBox: "0 0 " + width + " " + height, preserveAspectRatio: "none", role: "img",
		"aria-label": "Last " + spanText() + ": up to " + count(deep, "message", "messages") + " queued, probes up to " + group(slow) + " ms" });
	if (line) {
		image.appendChild(svg("path", { "class": "area", d: line + "L" + width + " " + floor + "L" + (pad.length * step).toFixed(1) + " " + floor + "Z" }));
		image.appendChild(svg("path", { "class": "depth", d: line, "vector-effect": "non-scaling-stroke" }));
	}
	image.appendChild(svg("path", { "class": "probe", d: path(probe, step, floor, slow), "vector-effect": "non-scaling-stroke" }));
	for (i = 0; i < state.length; i = to) {
		for (to = i + 1; to < state.length && state[to] === state[i]; to++);
		if (state[i] === "-") continue;
		image.appendChild(svg("rect", { "class": "strip-" + (LETTER[state[i]] ? state[i] : "q"), x: Math.min(width - 2, (pad.length + i) * step).toFixed(1),
			y: height - strip, width: Math.max(2, (to - i) * step).toFixed(1), height: strip }));
	}
	image.appendChild(svg("title", {})).textContent = "up to " + group(deep) + " queued, probes up to " + group(slow) + " ms";
	return image;
}
/* Into a cell; nothing is drawn anew that is the same. */
function showTrend(e, name, width, height, strip) {
	var h = history.get(name), key = h && h.depth.length > 0 ? [h.last, h.depth.length, h.depth[h.depth.length - 1], h.state.slice(-1), span].join(" ") : "none";
	if (!differs(e, key)) return;
	e.replaceChildren();
	if (key === "none") return;
	/* a daemon that has just begun: its one point is all the time there is */
	if (span === 2 && h.depth.length === 1) h = { depth: [h.depth[0], h.depth[0]], probe: [h.probe[0], h.probe[0]], state: h.state + h.state };
	e.appendChild(trend(h, width, height, strip));
}

/* What the large one shows: its time, and the heights of its curves. */
function sayTrend(e, scale, name) {
	var h = history.get(name), last = h && h.depth.length > 0 ? h.last : 0, from = last - (span - 1) * STEP;
	scale.hidden = e.hidden = !last;
	if (!last || !differs(e, [last, h.depth.length, span].join(" "))) return;
	e.replaceChildren();
	[["queued", "up to " + group(most(h.depth)) + " queued"], ["probed", "probes up to " + group(most(h.probe)) + "\u00A0ms"]].forEach(function (k) {
		var s = add(e, "span");
		add(s, "i", "swatch " + k[0]);
		words(s, k[1]);
	});
	scale.replaceChildren();
	time(scale, from);
	add(scale, "span", "", "now");
}

/* Those that are shown are asked for by name, a minute old at most. */
var historyAsked = false;
function wantHistory(names) {
	var due = names.filter(function (n) {
		var h = history.get(n);
		return !h || performance.now() - h.at > (h.depth.length > 0 ? 60000 : 5000);
	}).slice(0, 64);
	if (historyAsked || due.length === 0) return;
	historyAsked = true;
	get("/api/v1/history?" + due.map(function (n) { return "domain=" + encodeURIComponent(n); }).join("&")).then(function (h) {
		takeHistory(h);
		due.forEach(function (n) { if (!history.has(n)) history.set(n, { at: performance.now(), last: 0, depth: [], probe: [], state: "" }); });
		historyAsked = false;
		if (at.view !== "domains") return;
		set($("trend-title"), "Last " + spanText());
		putRows();
		details.forEach(function (d) { renderTrend(d.parts.trend, d.name); });
	}).catch(function () { setTimeout(function () { historyAsked = false; }, 10000); });
}
