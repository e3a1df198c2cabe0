"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const $ = (id) => document.getElementById(id);
  const bodies = [...table.tBodies];
  const controls = { q: $("q"), verdict: $("verdict"), ns: $("ns"), kind: $("kind"), hand: $("hand") };
  const text = (body, column) => body.rows[0].querySelector(column).textContent;
  const rows = bodies.map((body, index) => ({
    body,
    index,
    order: Number(body.dataset.order),
    verdict: body.dataset.verdict,
    ns: body.dataset.ns || "(none)",
    kind: body.dataset.kind,
    hand: body.dataset.hand === "1",
    name: text(body, ".name").toLowerCase(),
    reach: text(body, ".c-reach").toLowerCase(),
    need: text(body, ".c-hand"),
    where: text(body, ".c-where"),
    words: "",
  }));
  // What is the same for many workloads (advice, the sidecar's lines) is not searched.
  const words = (row) => {
    if (!row.words) {
      const own = row.body.cloneNode(true);
      for (const common of own.querySelectorAll(".help, .advice, .diff")) common.remove();
      row.words = own.textContent.toLowerCase();
    }
    return row.words;
  };

  const fold = (body, open) => {
    body.querySelector(".open").setAttribute("aria-expanded", String(open));
    body.rows[1].hidden = !open;
    body.classList.toggle("is-open", open);
  };
  bodies.forEach((body) => fold(body, false));
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr.row");
    if (!row || String(getSelection())) return;
    const button = row.querySelector(".open");
    fold(row.parentElement, button.getAttribute("aria-expanded") === "false");
  });

  const apply = () => {
    const wanted = controls.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const match =
        (!controls.verdict.value || row.verdict === controls.verdict.value) &&
        (!controls.ns.value || row.ns === controls.ns.value) &&
        (!controls.kind.value || row.kind === controls.kind.value) &&
        (!controls.hand.checked || row.hand) &&
        wanted.every((word) => words(row).includes(word));
      row.body.hidden = !match;
      shown += match ? 1 : 0;
    }
    const all = rows.length;
    $("shown").textContent = shown === all ? `${all} shown` : `${shown} of ${all} shown`;
    $("none").hidden = shown > 0;
    table.hidden = shown === 0;
    const filtered = controls.q.value || controls.verdict.value || controls.ns.value ||
      controls.kind.value || controls.hand.checked;
    $("reset").disabled = !filtered;
    for (const button of document.querySelectorAll("[data-facet]")) {
      const facet = button.dataset.facet;
      const value = button.dataset.value || "(none)";
      const on = facet === "hand" ? controls.hand.checked : controls[facet].value === value;
      button.setAttribute("aria-pressed", String(on));
    }
  };
  for (const control of Object.values(controls)) control.addEventListener("input", apply);
  $("reset").addEventListener("click", () => {
    controls.q.value = controls.verdict.value = controls.ns.value = controls.kind.value = "";
    controls.hand.checked = false;
    apply();
    controls.q.focus();
  });
  for (const button of document.querySelectorAll("[data-facet]")) {
    button.addEventListener("click", () => {
      const facet = button.dataset.facet;
      const value = button.dataset.value || "(none)";
      if (facet === "hand") controls.hand.checked = !controls.hand.checked;
      else controls[facet].value = controls[facet].value === value ? "" : value;
      apply();
    });
  }

  const look = $("look");
  if (look) {
    look.hidden = false;
    look.addEventListener("click", () => {
      $("reset").click();
      controls.q.value = look.dataset.search;
      apply();
      $("workloads").scrollIntoView();
    });
  }

  const compare = new Intl.Collator("en", { numeric: true }).compare;
  const keys = {
    order: (a, b) => a.order - b.order,
    name: (a, b) => compare(a.name, b.name),
    ns: (a, b) => compare(a.ns, b.ns),
    reach: (a, b) => compare(a.reach, b.reach),
    hand: (a, b) => Number(b.hand) - Number(a.hand) || compare(a.need, b.need),
    where: (a, b) => compare(a.where, b.where),
  };
  const sort = (head, descending) => {
    const by = keys[head.dataset.key];
    const sign = descending ? -1 : 1;
    rows.sort((a, b) => sign * by(a, b) || a.index - b.index);
    table.append(...rows.map((row) => row.body));
    for (const other of table.tHead.rows[0].cells) {
      if (other === head) other.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else other.removeAttribute("aria-sort");
    }
  };
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      sort(head, head.getAttribute("aria-sort") === "ascending");
    });
  }

  addEventListener("beforeprint", () => bodies.forEach((body) => fold(body, true)));
  $("filters").hidden = false;
  document.documentElement.classList.add("js");
  apply();
})();
