// The report as a person uses it, in Chromium, from a file.
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import { Browser } from "./browser.mjs";

const REPORTS = process.env.REPORTS;
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844, mobile: true, scale: 2 };
let page;

before(async () => {
  page = await Browser.start();
});
after(async () => {
  await page?.close();
});
beforeEach(async () => {
  await page.screen(DESKTOP);
  await page.open(`file://${REPORTS}/corpus.html`);
  await page.complaints();
});

const shown = () =>
  page.run(`return [...document.querySelectorAll("#table tbody")]
    .filter((body) => !body.hidden)
    .map((body) => ({ name: body.querySelector(".name").textContent, ...body.dataset }))`);
const status = () => page.run(`return document.getElementById("shown").textContent`);
const all = () => page.run(`return document.querySelectorAll("#table tbody").length`);
const select = (id, value) =>
  page.run(
    `const one = document.getElementById(arguments[0]); one.value = arguments[1];
     one.dispatchEvent(new Event("input", { bubbles: true }))`,
    id,
    value,
  );
const picture = async (name, whole) =>
  writeFileSync(`${REPORTS}/${name}.png`, await page.picture(whole));

test("nothing runs, loads or complains but the page itself", async () => {
  assert.deepEqual(await page.complaints(), []);
  assert.deepEqual(await page.run(`return performance.getEntriesByType("resource").map((r) => r.name)`), []);
  assert.equal(await page.run(`return document.querySelectorAll("svg.bar").length > 5`), true);
});

test("hostile names are text", async () => {
  const marked = await page.run(`return document.querySelectorAll("main img, main [onload], main [onerror], main script").length`);
  assert.equal(marked, 0);
  await page.type("#q", "onerror=alert");
  const found = await shown();
  assert.equal(found.length, 1);
  assert.equal(found[0].name, "</script><img src=x onerror=alert(1)>");
  assert.ok(!found[0].ns.includes("\u001b") && !found[0].ns.includes("\u202e"));
});

test("a search narrows the table, and says so", async () => {
  const total = await all();
  assert.equal(await status(), `${total} shown`);
  await page.type("#q", "portainer");
  const found = await shown();
  assert.ok(found.length >= 2 && found.length < total);
  assert.ok(found.every((row) => row.name.includes("portainer")));
  assert.equal(await status(), `${found.length} of ${total} shown`);
  await page.click("#reset");
  assert.equal((await shown()).length, total);
});

test("what is in the details is found, what is the same for many is not", async () => {
  await page.type("#q", "docker system prune");
  assert.deepEqual((await shown()).map((row) => row.name), ["docker-gc"]);
  await page.click("#reset");
  await page.type("#q", "DIND_SOCKETS");
  assert.equal((await shown()).length, 0);
  assert.equal(await page.run(`return document.getElementById("none").hidden`), false);
});

test("filters by verdict, namespace, kind and need of a hand add up", async () => {
  await select("verdict", "denied");
  let found = await shown();
  assert.ok(found.length > 3 && found.every((row) => row.verdict === "denied"));
  await select("kind", "DaemonSet");
  found = await shown();
  assert.ok(found.length > 1 && found.every((row) => row.verdict === "denied" && row.kind === "DaemonSet"));
  await select("ns", "security");
  assert.deepEqual((await shown()).map((row) => row.name), ["falco"]);
  await page.click("#reset");
  await page.click("#hand");
  found = await shown();
  assert.ok(found.length > 3 && found.every((row) => row.hand === "1"));
});

test("a tile and a chart's label filter, and a second press takes it back", async () => {
  const total = await all();
  await page.click(".tile.t-warned");
  assert.ok((await shown()).every((row) => row.verdict === "warned"));
  assert.equal(await page.run(`return document.querySelector(".tile.t-warned").getAttribute("aria-pressed")`), "true");
  await page.click(".tile.t-warned");
  assert.equal((await shown()).length, total);
  await page.click('.label[data-facet="kind"][data-value="Deployment"]');
  assert.ok((await shown()).every((row) => row.kind === "Deployment"));
  await page.click('.label[data-facet="kind"][data-value="Deployment"]');
  await page.click('.label[data-facet="ns"][data-value=""]');
  assert.ok((await shown()).every((row) => row.ns === ""));
});

test("a tile's press brings the rows into view", async () => {
  await page.click(".tile.t-denied");
  const top = await page.run(`return document.getElementById("workloads").getBoundingClientRect().top`);
  assert.ok(Math.abs(top) < 2, String(top));
});

test("the filters are in the address, and come back with it", async () => {
  await select("verdict", "denied");
  await page.type("#q", "falco");
  const hash = await page.run(`return location.hash`);
  assert.equal(hash, "#q=falco&verdict=denied");
  await page.open("about:blank");
  await page.open(`file://${REPORTS}/corpus.html${hash}`);
  assert.deepEqual((await shown()).map((row) => row.name), ["falco"]);
  // A link within the page is no filter.
  await page.run(`location.hash = "#workloads"`);
  assert.equal((await shown()).length, 1);
  await page.click("#reset");
  assert.equal(await page.run(`return location.hash`), "");
});

test("three thousand workloads are 5 MB, open in two seconds, and are rendered as they are looked at", async () => {
  assert.ok(statSync(`${REPORTS}/many.html`).size < 5 * 1024 * 1024);
  const start = performance.now();
  await page.open(`file://${REPORTS}/many.html`);
  assert.equal(await status(), "3000 shown");
  const took = performance.now() - start;
  console.log(`3,000 workloads: ${statSync(`${REPORTS}/many.html`).size} bytes, open after ${took.toFixed()} ms`);
  assert.ok(took < 2000, `${took} ms`);
  assert.equal((await shown()).length, 200);
  await page.run(`scrollTo(0, document.body.scrollHeight)`);
  const until = Date.now() + 5000;
  while ((await shown()).length === 200 && Date.now() < until);
  assert.ok((await shown()).length > 200);
  await page.type("#q", "builder-2999");
  assert.deepEqual((await shown()).map((row) => row.name), ["builder-2999"]);
  await page.click("tbody:not([hidden]) .open");
  await page.click("tbody.is-open .diff > summary");
  const diff = await page.run(`return document.querySelector("tbody.is-open pre").innerText`);
  assert.match(diff, /name: dind/);
});

test("what is swapped to no use can be shown", async () => {
  await page.click("#look");
  const found = (await shown()).map((row) => row.name);
  assert.ok(found.includes("traefik") && found.includes("dozzle"), String(found));
  assert.ok(!found.includes("jenkins"));
});

test("a column's head sorts, and sorts the other way round", async () => {
  const worst = await shown();
  assert.equal(worst[0].verdict, "denied");
  await page.click('th[data-key="name"] .sort');
  const names = (await shown()).map((row) => row.name.toLowerCase());
  const order = new Intl.Collator("en", { numeric: true });
  assert.deepEqual(names, [...names].sort(order.compare));
  assert.equal(await page.run(`return document.querySelector('th[data-key="name"]').getAttribute("aria-sort")`), "ascending");
  await page.click('th[data-key="name"] .sort');
  const back = (await shown()).map((row) => row.name.toLowerCase());
  assert.deepEqual(back, [...names].sort((a, b) => order.compare(b, a)));
  assert.equal(await page.run(`return document.querySelectorAll("[aria-sort]").length`), 1);
});

test("a workload opens, and its diff with it", async () => {
  await page.type("#q", "jenkins-agent-pod.yaml");
  await page.click("tbody:not([hidden]) .open");
  const detail = await page.run(`return document.querySelector("tbody.is-open .detail").innerText`);
  assert.match(detail, /Gets a Docker daemon of its own/);
  assert.match(detail, /jenkins-agent-pod.yaml:17/);
  const before = await page.run(`return document.querySelector("tbody.is-open pre").checkVisibility()`);
  assert.equal(before, false);
  await page.click("tbody.is-open .diff > summary");
  const diff = await page.run(`return document.querySelector("tbody.is-open pre").innerText`);
  assert.match(diff, /^-\s+hostPath:$/m);
  assert.match(diff, /^\+\s+emptyDir: \{\}$/m);
  assert.match(diff, /^\+\s+- name: dind$/m);
  await page.run(`document.getElementById("workloads").scrollIntoView()`);
  await picture("diff-light");
  await page.screen({ ...DESKTOP, dark: true });
  await picture("diff-dark");
});

test("everything can be done with the keyboard", async () => {
  const TAB = "\uE004";
  const ENTER = "\uE007";
  await page.press(TAB);
  assert.equal(await page.run(`return document.activeElement.className`), "skip");
  await page.run(`document.getElementById("q").focus()`);
  await page.press(..."cadvisor");
  assert.equal((await shown()).length, 1);
  await page.run(`document.querySelector("tbody:not([hidden]) .open").focus()`);
  await page.press(ENTER);
  assert.equal(await page.run(`return document.activeElement.getAttribute("aria-expanded")`), "true");
  await page.press(ENTER);
  assert.equal(await page.run(`return document.activeElement.getAttribute("aria-expanded")`), "false");
});

test("names, labels and headings are there for a screen reader", async () => {
  const problems = await page.run(`
    const problems = [];
    const named = (e) => e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim();
    for (const e of document.querySelectorAll("button, input, select")) if (!named(e)) problems.push(e.outerHTML);
    for (const e of document.querySelectorAll("svg")) if (e.getAttribute("role") !== "img" || !e.getAttribute("aria-label")) problems.push(e.outerHTML);
    const levels = [...document.querySelectorAll("h1, h2, h3")].map((h) => Number(h.tagName[1]));
    if (levels.filter((level) => level === 1).length !== 1) problems.push("h1");
    levels.reduce((last, level) => { if (level > last + 1) problems.push("h" + level); return level; }, 0);
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    if (new Set(ids).size !== ids.length) problems.push("an id twice");
    for (const e of document.querySelectorAll("[aria-controls]")) if (!document.getElementById(e.getAttribute("aria-controls"))) problems.push(e.outerHTML);
    if (!document.documentElement.lang) problems.push("lang");
    return problems;`);
  assert.deepEqual(problems, []);
});

const contrasts = () =>
  page.run(`
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const [R, G, B] = [r, g, b].map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
      return 0.2126 * R + 0.7152 * G + 0.0722 * B;
    };
    const behind = (e) => {
      for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
      return [255, 255, 255];
    };
    const poor = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      const e = node.parentElement;
      if (!node.textContent.trim() || !e.getClientRects().length || e.matches("option, :disabled")) continue;
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.set(e.className || e.tagName, ratio.toFixed(2));
    }
    return [...poor];`);

for (const dark of [false, true]) {
  test(`text has contrast in ${dark ? "dark" : "light"} mode`, async () => {
    await page.screen({ ...DESKTOP, dark });
    await page.run(`document.querySelectorAll(".open").forEach((one, index) => { if (index < 40) one.click(); });
      document.querySelectorAll(".diff").forEach((one, index) => { if (index < 3) one.open = true; })`);
    assert.deepEqual(await contrasts(), []);
    await page.open(`file://${REPORTS}/corpus.html`);
    await picture(dark ? "desktop-dark" : "desktop-light", true);
  });

  test(`a phone shows all of it without sideways scrolling in ${dark ? "dark" : "light"} mode`, async () => {
    await page.screen({ ...PHONE, dark });
    await page.open(`file://${REPORTS}/corpus.html`);
    await picture(dark ? "phone-dark" : "phone-light");
    await page.run(`document.querySelectorAll(".open").forEach((one) => one.click());
      document.querySelectorAll(".diff").forEach((one) => { one.open = true; })`);
    const wider = await page.run(`const most = document.documentElement.clientWidth;
      return [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > most && !one.closest("pre"))
        .map((one) => one.outerHTML.slice(0, 120))`);
    assert.deepEqual(wider, []);
    await page.run(`document.getElementById("workloads").scrollIntoView()`);
    await picture(dark ? "phone-list-dark" : "phone-list-light");
  });
}

test("without the script, every workload can be read, and the page says what is missing", async () => {
  await page.devtools("Emulation.setScriptExecutionDisabled", { value: true });
  await page.open(`file://${REPORTS}/corpus.html`);
  await page.devtools("Emulation.setScriptExecutionDisabled", { value: false });
  const rows = await page.run(`return [...document.querySelectorAll("tr.row")].filter((row) => row.getClientRects().length).length`);
  assert.equal(rows, await all());
  assert.match(await page.run(`return document.querySelector("noscript").textContent`), /need the page/);
  assert.equal(await page.run(`return document.getElementById("filters").getClientRects().length`), 0);
});

test("what was not looked at is listed, and linked from the top", async () => {
  await page.click(".incomplete a");
  const text = await page.run(`return document.querySelector(":target").innerText`);
  assert.match(text, /template\.yaml:4/);
  assert.match(text, /Line 10 names a runtime’s socket/);
});

test("a clean result says so", async () => {
  await page.open(`file://${REPORTS}/clean.html`);
  assert.match(await page.run(`return document.querySelector("h1").textContent`), /^Nothing reaches/);
  assert.equal(await page.run(`return document.querySelectorAll("table, .incomplete").length`), 0);
  assert.deepEqual(await page.complaints(), []);
  await picture("clean");
});
