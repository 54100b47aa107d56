/* SPDX-License-Identifier: ISC
 * text: elements, numbers and times. What came from a server ends up in textContent or
 * in an attribute, never in markup, and goes through clean() before. */

var SVG = "http://www.w3.org/2000/svg";
var $ = function (id) { return document.getElementById(id); };

/* Characters that would move or hide what stands around them. */
function clean(s) {
	return s.replace(/[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, function (c) {
		return "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
	});
}
function el(tag, className, text) {
	var e = document.createElement(tag);
	if (className) e.className = className;
	if (text !== undefined) e.textContent = clean(String(text));
	return e;
}
function add(to, tag, className, text) { return to.appendChild(el(tag, className, text)); }
function svg(tag, attributes) {
	var e = document.createElementNS(SVG, tag);
	for (var k in attributes) e.setAttribute(k, clean(String(attributes[k])));
	return e;
}
function words(to, text) { to.appendChild(document.createTextNode(clean(text))); }
/* Nothing is touched that says the same: a selection in it stays. */
function set(e, text) { text = clean(text); if (e.textContent !== text) e.textContent = text; }
function attr(e, name, value) { value = clean(String(value)); if (e.getAttribute(name) !== value) e.setAttribute(name, value); }
/* Whether an element is to be made anew: its data are not those of the last time. */
function differs(e, key) {
	if (e.dataset.key === key) return false;
	e.dataset.key = key;
	return true;
}
function fill(e, children) { e.replaceChildren.apply(e, children); }
function button(to, className, text, click) {
	var b = add(to, "button", className, text);
	b.type = "button";
	b.addEventListener("click", click);
	return b;
}
function link(to, className, text, href) {
	var a = add(to, "a", className, text);
	a.setAttribute("href", href);
	return a;
}

/* What may be led to: the address is that of another node's configuration. */
function isPage(s) { return /^https?:\/\/[^\s]+$/.test(s); }

function num(v) { return typeof v === "number" && isFinite(v) ? v : 0; }
function str(v) { return typeof v === "string" ? v : ""; }
function list(v) { return Array.isArray(v) ? v : []; }
function objects(v) { return list(v).filter(function (o) { return o !== null && typeof o === "object"; }); }
function group(n) { return String(Math.round(num(n))).replace(/\B(?=(\d{3})+$)/g, "\u202F"); }
function count(n, one, many) { return group(n) + "\u00A0" + (n === 1 ? one : many); }
function bytes(n) {
	var units = ["B", "KiB", "MiB", "GiB", "TiB"], i = 0;
	for (n = num(n); n >= 1024 && i < 4; i++) n /= 1024;
	return (i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + "\u00A0" + units[i];
}
function millis(s) { s = num(s); return s < .001 ? (s * 1000).toFixed(1) + "\u00A0ms" : s < 10 ? Math.round(s * 1000) + "\u00A0ms" : s.toFixed(1) + "\u00A0s"; }
function percent(v) { return typeof v === "number" ? (v * 100).toFixed(v < 1 && v > .9995 ? 3 : 2) + "\u00A0%" : "\u2013"; }
function two(a, unit, b, smaller) { return a + "\u00A0" + unit + (a < 10 && b > 0 ? "\u00A0" + b + "\u00A0" + smaller : ""); }
function duration(s) {
	s = Math.max(0, num(s));
	if (s < 60) return Math.round(s) + "\u00A0s";
	if (s < 3600) return Math.floor(s / 60) + "\u00A0min";
	if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor(s % 3600 / 60), "min");
	return two(Math.floor(s / 86400), "d", Math.floor(s % 86400 / 3600), "h");
}

/* ---- times: all are relative, and exact where one points */

/* Seconds of the daemon's clock: ours may be another. */
var clock = { time: 0, at: 0 };
function now() { return clock.time + (performance.now() - clock.at) / 1000; }

function pad(n) { return String(n).padStart(2, "0"); }
function exact(t) {
	var d = new Date(t * 1000), zone = -d.getTimezoneOffset(), off = Math.abs(zone);
	return d.getFullYear() + "-" + pad(d.getMonth() + 1) + "-" + pad(d.getDate()) + " " + pad(d.getHours()) + ":" +
		pad(d.getMinutes()) + ":" + pad(d.getSeconds()) + " " + (zone < 0 ? "-" : "+") + pad(Math.floor(off / 60)) + pad(off % 60);
}
function relative(t) {
	var s = t - now();
	if (Math.abs(s) < 2) return "now"; /* a snapshot is a second old */
	return s > 0 ? "in\u00A0" + duration(s) : duration(-s) + "\u00A0ago";
}
/* As a moment ("2 d ago", "in 4 h") or, plain, as its distance to now ("2 d"). */
function setTime(e, t, plain) {
	if (!t) {
		set(e, plain ? "" : "never");
		e.removeAttribute("data-t");
		e.removeAttribute("title");
		return;
	}
	if (Number(e.getAttribute("data-t")) !== t) {
		attr(e, "data-t", t);
		attr(e, "data-plain", plain ? "1" : "");
		attr(e, "datetime", new Date(t * 1000).toISOString());
		attr(e, "title", exact(t));
	}
	set(e, plain ? duration(Math.abs(t - now())) : relative(t));
}
function time(to, t, plain) {
	var e = add(to, "time");
	setTime(e, num(t), plain);
	return e;
}
/* Those that nobody made anew meanwhile. */
function tickTimes() {
	document.querySelectorAll("time[data-t]").forEach(function (e) {
		var t = Number(e.getAttribute("data-t"));
		set(e, e.getAttribute("data-plain") ? duration(Math.abs(t - now())) : relative(t));
	});
}

/* Sentences have commands and options between backticks. */
function sentence(to, text) {
	text.split("`").forEach(function (part, i) {
		if (i % 2 === 1) add(to, "code", "", part);
		else words(to, part);
	});
}

/* What a shell would take for more than a word is not offered to be typed. */
function isWord(s) { return /^[A-Za-z0-9._:\[\]-]+$/.test(s) && s[0] !== "-"; }
function command(to, text, what) {
	var li = add(to, "li"), code = add(li, "code");
	var done = function () { b.textContent = "Copied"; setTimeout(function () { b.textContent = "Copy"; }, 1500); };
	/* what is left without TLS, or when the browser says no: the text is selected at least */
	var select = function () {
		var range = document.createRange(), selected = getSelection();
		range.selectNodeContents(code);
		selected.removeAllRanges();
		selected.addRange(range);
		if (document.execCommand("copy")) done();
	};
	text.split(" ").forEach(function (word, i) {
		if (i > 0) words(code, " ");
		add(code, "span", "", word);
	});
	var b = button(li, "copy", "Copy", function () {
		if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select); else select();
	});
	b.setAttribute("aria-label", "Copy: " + text);
	add(li, "span", "soft", what);
}
