// What pages do beyond links and forms: alerts that arrive while one looks, pictures of origins, and printing.
"use strict";

// An alert was opened, changed or settled: the panels that listen for it fetch themselves anew (hx-trigger="alerts-changed").
const live = document.querySelector("[data-alerts-stream]");
const SECONDS_UNTIL_ANEW = 60;
function watch() {
  const stream = new EventSource(live.dataset.alertsStream);
  const changed = () => document.body.dispatchEvent(new CustomEvent("alerts-changed"));
  for (const event of ["opened", "changed", "settled", "withdrawn"]) stream.addEventListener(`alert.${event}`, changed);
  // After a break browsers ask again by themselves, and never after a refusal, as where there is no room for more.
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(watch, SECONDS_UNTIL_ANEW * 1000);
  });
  window.addEventListener("pagehide", () => stream.close());
}
if (live && window.EventSource) watch();

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const form of document.querySelectorAll("form[data-at-once]")) {
  // A date changes with every part of it that is typed, and waits for the button.
  form.addEventListener("change", ({ target }) => target.type === "date" || form.requestSubmit());
}
