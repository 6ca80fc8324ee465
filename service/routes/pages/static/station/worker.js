/* The station's service worker: this version's files, whole or not at all, and the page without a network.
   VERSION and FILES are written before this text by the service. What goes to /v1/ never passes through here. */

const CACHE = `meisu-station-${VERSION}`;
const PAGE = "/station";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })))));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("meisu-station-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("message", (event) => {
  if (event.data === "take over") self.skipWaiting();
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname !== PAGE && !pathname.startsWith("/station/")) return;
  if (pathname === "/station/worker.js") return;
  event.respondWith(
    caches
      .open(CACHE)
      .then((cache) => cache.match(pathname))
      .then((kept) => kept ?? fetch(event.request)),
  );
});
