// What pages do beyond links and forms: alerts that arrive while one looks, pictures of origins, and printing.
"use strict";

// An alert was opened, changed or settled: the panels that listen for it fetch themselves anew (hx-trigger="alerts-changed").
const live = document.querySelector("[data-alerts-stream]");
if (live && window.EventSource) {
  const stream = new EventSource(live.dataset.alertsStream);
  const changed = () => document.body.dispatchEvent(new CustomEvent("alerts-changed"));
  for (const event of ["opened", "changed", "settled", "withdrawn"]) stream.addEventListener(`alert.${event}`, changed);
  window.addEventListener("pagehide", () => stream.close());
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const form of document.querySelectorAll("form[data-at-once]")) {
  // A date changes with every part of it that is typed, and waits for the button.
  form.addEventListener("change", ({ target }) => target.type === "date" || form.requestSubmit());
}
