/**
 * Ed25519: by the browser where it knows how, else by the bundled library; both give the same signatures.
 *
 * A key that the browser made cannot be taken out of it. The library's has to lie in the browser's database, which is
 * as well guarded as the account on the PC: the county can revoke the device at any time.
 */
import * as noble from "../vendor/noble-ed25519.js";

let native;

/** Whether this browser signs by itself. */
export function isNative() {
  native ??= crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]).then(
    () => true,
    () => false,
  );
  return native;
}

/** A new key of this device: `{pair}` or `{secret}`, with its raw public half as `publicKey`. */
export async function makeKey() {
  if (await isNative()) {
    const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return { pair, publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)) };
  }
  const secret = crypto.getRandomValues(new Uint8Array(32));
  return { secret, publicKey: await noble.getPublicKeyAsync(secret) };
}

/** The signature over some bytes by a key of `makeKey`. */
export async function sign(key, bytes) {
  if (key.pair) return new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key.pair.privateKey, bytes));
  return noble.signAsync(bytes, key.secret);
}

/** Whether a raw public key made a signature over some bytes; a key that is none made nothing. */
export async function verifySignature(publicKey, signature, bytes) {
  try {
    if (await isNative()) {
      const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
      return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, bytes);
    }
    return await noble.verifyAsync(signature, bytes, publicKey, { zip215: false });
  } catch {
    return false;
  }
}

/** A compact JWS (RFC 7515) over a text; the same key and text always give the same JWS. */
export async function jws(key, header, text) {
  const encoder = new TextEncoder();
  const signed = `${base64url(encoder.encode(JSON.stringify({ alg: "EdDSA", ...header })))}.${base64url(encoder.encode(text))}`;
  return `${signed}.${base64url(await sign(key, encoder.encode(signed)))}`;
}

/** What people compare on two screens: the first 16 hexadecimal digits of the key's SHA-256, in fours. */
export async function fingerprint(publicKey) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", publicKey));
  const hex = [...hash.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
  return hex.match(/.{4}/g).join(" ");
}

export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
