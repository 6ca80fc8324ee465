/** This device: its key, its station, and how it signs in by itself (RFC 7523). */
import { Problem } from "./api.js";
import { base64url, fingerprint, jws, makeKey } from "./keys.js";
import { countUnsent } from "./queue.js";
import { keep, recall, result, transact } from "./store.js";

const ASSERTION_SECONDS = 240;
const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** The device as it was enrolled, or null. */
export async function enrolled(api, clock) {
  const [key, facts, station] = await Promise.all([recall("key"), recall("device"), recall("station")]);
  return key && facts ? new Device(api, clock, key, facts, station) : null;
}

/**
 * Enrol this browser at the station of whoever signs in.
 *
 * The key is kept before it is registered: when anything fails in between, the next try is the same device.
 */
export async function enrol(api, clock, { username, password, name }) {
  const { access_token: token } = await signedIn(api, { username, password });
  const me = await api.get("/v1/me", token);
  if (me.role !== "station") throw new Problem(403, WRONG_ROLE);
  const [before, known] = await Promise.all([recall("station"), recall("device")]);
  const isMoving = Boolean(before) && before.id !== me.station_id;
  if (isMoving && (await countUnsent())) throw new Problem(409, OTHER_STATION);

  // A key that was revoked is never believed again; what waits is signed anew by the next one.
  const isSpent = isMoving || (known && known.state === "revoked");
  const key = (!isSpent && (await recall("key"))) || (await keptKey());
  const facts = await api.post("/v1/devices", { name, public_key: base64url(key.publicKey) }, token);
  const station = await api.get(`/v1/stations/${facts.station_id}`, token);
  await transact(["own", "records"], "readwrite", async (own, records) => {
    if (isMoving) {
      records.clear();
      own.delete("nextSequence");
    }
    own.put(facts, "device");
    own.put({ id: station.id, name: station.name, isMines: Boolean(station.mine_id) }, "station");
    const counted = (await result(own.get("nextSequence"))) ?? 0;
    own.put(Math.max(counted, facts.next_sequence), "nextSequence");
  });
  return { device: new Device(api, clock, key, facts, await recall("station")), token };
}

async function signedIn(api, { username, password }) {
  try {
    return await api.form("/v1/token", { grant_type: "password", username, password });
  } catch (error) {
    throw error instanceof Problem && error.status === 400 ? new Problem(400, WRONG_PASSWORD) : error;
  }
}

const WRONG_PASSWORD = {
  code: "wrong-password",
  title: "用户名或密码不对，或账号已停用。请再试；忘了密码请找县里重设",
  title_en: "The user name or the password is wrong, or the account is disabled. Try again, or ask the county for a new password",
};

const WRONG_ROLE = {
  code: "wrong-role",
  title: "请用本计量站的账号登录，不能用机关或企业的账号",
  title_en: "Please sign in with the account of this weighing station, not of an office or a firm",
};

const OTHER_STATION = {
  code: "other-station",
  title: "本机还有另一个计量站的记录没有发送，请先发送完再换站",
  title_en: "This device still has unsent records of another station: send them before it moves",
};

async function keptKey() {
  const key = await makeKey();
  await keep("key", key);
  return key;
}

/** What signs for the station. */
export class Device {
  #api;
  #clock;
  #key;
  #token = null;
  #tokenUntilMs = 0;

  constructor(api, clock, key, facts, station) {
    this.#api = api;
    this.#clock = clock;
    this.#key = key;
    this.facts = facts;
    this.station = station;
  }

  /** Which way loads go here when nothing else says it: out of a mine, into everybody else's yard. */
  get usualDirection() {
    return this.station.isMines === false ? "in" : "out";
  }

  get isApproved() {
    return this.facts.state === "approved";
  }

  get isRevoked() {
    return this.facts.state === "revoked";
  }

  fingerprint() {
    return fingerprint(this.#key.publicKey);
  }

  /** A record's evidence: the text as it was kept, signed. */
  signed(text) {
    return jws(this.#key, { kid: this.facts.id }, text);
  }

  /** Ask as this device; a token that has ended is replaced once. */
  async ask(deed) {
    try {
      return await deed(await this.#access());
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      this.#token = null;
      return deed(await this.#access());
    }
  }

  /** Look whether the county has approved or revoked this device. */
  async refresh() {
    try {
      const facts = await this.ask((token) => this.#api.get(`/v1/devices/${this.facts.id}`, token));
      await this.#know({ ...this.facts, ...facts });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const state = { "device-not-approved": "asked", "device-revoked": "revoked" }[error.code];
      if (!state) throw error;
      await this.#know({ ...this.facts, state });
    }
    return this.facts;
  }

  async #know(facts) {
    if (facts.state === this.facts.state) return;
    this.facts = facts;
    await keep("device", facts);
  }

  async #access() {
    if (this.#token && Date.now() < this.#tokenUntilMs) return this.#token;
    const at = Math.floor(this.#clock.now() / 1000); // an old PC may believe that it is 2010
    const claims = {
      iss: this.facts.id,
      sub: this.facts.id,
      aud: "meisu",
      iat: at,
      exp: at + ASSERTION_SECONDS,
      jti: crypto.randomUUID(),
    };
    const assertion = await jws(this.#key, { typ: "JWT", kid: this.facts.id }, JSON.stringify(claims));
    const given = await this.#api.form("/v1/token", { grant_type: GRANT, assertion });
    this.#token = given.access_token;
    this.#tokenUntilMs = Date.now() + 1000 * (given.expires_in - 60);
    return this.#token;
  }
}
