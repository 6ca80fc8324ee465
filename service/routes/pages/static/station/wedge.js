/**
 * Scanners that type: a code comes as a burst of keys, wherever the cursor stands and whatever the input method does.
 *
 * Each burst is read twice: as the text that arrived in the field, and as the keys that were pressed, which an input
 * method cannot change. Both are parsed, and only what proves itself is taken; two codes in one burst are refused.
 */

const GAP_MS = 500; // an old PC stands still for so long while keys wait
const END_MS = 300;
const LOST_MS = 3000;
const COMPOSED_MS = 30;
const CODE_DIGITS = 289;
const LEAST_DIGITS = 200; // nobody types so many by hand; fewer are left where they were typed

const BY_KEY = {
  Slash: "/",
  NumpadDivide: "/",
  Period: ".",
  NumpadDecimal: ".",
  Minus: "-",
  NumpadSubtract: "-",
  Semicolon: ":",
};

/** The character that a key stands for on the keyboard that scanners imitate; empty for all others. */
function keyOf(code) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  if (digit) return digit[1];
  const letter = /^Key([A-Z])$/.exec(code);
  return letter ? letter[1] : (BY_KEY[code] ?? "");
}

export class Wedge {
  #scanned;
  #keys = "";
  #digits = 0;
  #lastMs = 0;
  #field = null;
  #before = "";
  #timer = null;

  /** `scanned(texts)` gets the ways in which one burst can be read. */
  constructor(scanned) {
    this.#scanned = scanned;
    document.addEventListener("keydown", (event) => this.#key(event), true);
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const now = event.timeStamp;
    if (!this.#keys || now - this.#lastMs > (this.#isScan ? LOST_MS : GAP_MS)) this.#begin();
    this.#lastMs = now;
    clearTimeout(this.#timer);

    if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Tab") {
      if (!this.#isScan) {
        this.#begin();
        return;
      }
      event.preventDefault();
      event.stopPropagation();
      // The input method may still be composing: the field has its text a moment later.
      this.#timer = setTimeout(() => this.#end(), COMPOSED_MS);
      return;
    }
    const key = keyOf(event.code);
    this.#keys += key;
    if (key >= "0" && key <= "9") this.#digits += 1;
    this.#timer = setTimeout(() => (this.#isScan ? this.#end() : this.#begin()), this.#digits < CODE_DIGITS ? LOST_MS : END_MS);
  }

  get #isScan() {
    return this.#digits >= LEAST_DIGITS;
  }

  #begin() {
    const field = document.activeElement;
    this.#keys = "";
    this.#digits = 0;
    this.#field = field && "value" in field && field.type !== "submit" ? field : null;
    this.#before = this.#field ? this.#field.value : "";
  }

  #end() {
    const texts = [this.#keys];
    if (this.#field) {
      const { value } = this.#field;
      texts.unshift(value.startsWith(this.#before) ? value.slice(this.#before.length) : value);
      this.#field.value = this.#before;
      this.#field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    this.#begin();
    this.#scanned(texts);
  }
}
