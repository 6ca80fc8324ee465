/**
 * The browser's database: what this station must not lose.
 *
 * Every write asks for strict durability: the promise is kept only when the disk has it, so that a record that the
 * weighman saw as kept outlives a crash of the browser.
 */
const NAME = "meisu-station";
const VERSION = 1;

let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore("own");
      database.createObjectStore("records", { keyPath: "sequence" }).createIndex("unsent", "unsent");
      database.createObjectStore("visits", { keyPath: "id" });
      database.createObjectStore("tares", { keyPath: "plate" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/** The result of one request. */
export function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Do something within one transaction; gives what `deed` gives, once the disk has it. */
export async function transact(stores, mode, deed) {
  const database = await open();
  const transaction = database.transaction(stores, mode, mode === "readwrite" ? { durability: "strict" } : undefined);
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new DOMException("given up", "AbortError"));
  });
  let given;
  try {
    given = await deed(...[stores].flat().map((store) => transaction.objectStore(store)));
  } catch (error) {
    if (transaction.error === null) {
      try {
        transaction.abort();
      } catch {
        // It has ended by itself: the first error is the one to tell.
      }
    }
    ended.catch(() => {});
    throw error;
  }
  await ended;
  return given;
}

/** What the station keeps under a name, such as `device`. */
export function recall(name) {
  return transact("own", "readonly", (own) => result(own.get(name)));
}

/** Keep something under a name. */
export function keep(name, value) {
  return transact("own", "readwrite", (own) => result(own.put(value, name)));
}

/** Ask the browser not to throw our data away when the disk is full; whether it promised. */
export async function askToStay() {
  if (!navigator.storage || !navigator.storage.persist) return false;
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}
