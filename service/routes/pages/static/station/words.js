/** What the page says, Chinese first with English beside; the words of flags and checks come from the service. */

export const SAID = {
  "net-asking": ["连接中", "Connecting"],
  "net-on": ["在线", "Online"],
  "net-off": ["离线", "Offline"],
  "level-good": ["运单有效", "Ticket valid"],
  "level-warn": ["注意", "Look again"],
  "level-bad": ["不是有效运单", "Not a valid ticket"],
  "number-only": ["只有号码：离线时无法验证签名，请核对票面", "Number only: offline its signature cannot be checked"],
  "used-here": ["本磅已用这张运单过过磅", "This scale has weighed this ticket before"],
  "wrong-station": ["运单上没有写本计量站", "The ticket does not name this station"],
  "key-in-doubt": ["签发密钥已停用：请联网核对，离线时请核对票面", "Its key was retired: check online, or look at the paper"],
  "no-keys": ["本机还没有验签公钥，请联网一次", "No keys on this device yet: connect it once"],
  "checked-online": ["已联网核对", "Checked online"],
  "checked-number": ["离线核对：只查了作废名单", "Checked offline: the list of revoked tickets alone"],
  "wrong-number": ["号码不对：应为 13 位数字，请对照票面重新输入", "Not a ticket's number: 13 digits as printed, please type it again"],
  "checked-offline": ["离线核对：签名、有效期、车牌、作废名单", "Checked offline: signature, validity, plate, revocations"],
  "one-at-a-time": ["本车尚未记录：请先记录、暂存或清空，再扫下一张", "Record, park or clear this truck before the next scan"],
  "plate-missing": ["请填车牌", "The plate is missing"],
  "gross-missing": ["缺毛重", "No gross weight yet"],
  "tare-missing": ["缺皮重", "No tare yet"],
  "gross-below-tare": ["毛重须大于皮重", "Gross must be more than tare"],
  "scale-off": ["未接仪表", "No indicator"],
  "scale-silent": ["仪表没有数据", "The indicator is silent"],
  "scale-moving": ["不稳定", "In motion"],
  "scale-stable": ["稳定", "Stable"],
  "scale-stuck": ["仍是上一车的数", "Last truck's, not moved"],
  "scale-frame-broken": ["仪表数据残缺", "Broken frame"],
  "scale-checksum-wrong": ["仪表校验和不符", "Wrong checksum"],
  "scale-out-of-range": ["超出量程", "Out of range"],
  "scale-net-not-gross": ["仪表显示净重，请切回毛重", "The indicator shows net: switch it to gross"],
  "scale-not-kilograms": ["仪表单位不是千克", "The indicator's unit is not kilograms"],
  "scale-not-whole-kilograms": ["不是整千克", "Not whole kilograms"],
  "fresh": ["本次称", "weighed now"],
  "by-hand": ["手工", "by hand"],
  "out": ["出", "out"],
  "in": ["入", "in"],
  "back": ["退", "back"],
  "unsent": ["未发送", "Not sent yet"],
  "accepted": ["已入账", "Accepted"],
  "accepted-flagged": ["已入账，有提示", "Accepted"],
  "duplicate": ["已入账（重复发送，只记一次）", "Accepted (sent twice, counted once)"],
  "same-event": ["与另一条是同一次过磅，只记一次", "The same weighing as another record, counted once"],
  "refused": ["未入账", "Refused"],
  "nothing-yet": ["还没有记录", "Nothing recorded yet"],
  "recorded": ["已保存", "Saved"],
  "recorded-next": ["可以扫下一辆；有网络就自动发送。", "Ready for the next truck; sent as soon as there is a network."],
  "parked": ["已暂存", "Parked"],
  "record": ["记录", "Record"],
  "waiting-approval": ["等待县里核准本设备，可以先过磅，核准后自动发送。核对指纹：", "Waiting for approval; weigh meanwhile. Fingerprint:"],
  "revoked": ["本设备已被吊销，记录留在本机，暂不发送。请联系县里，不要清除浏览器数据。", "This device was revoked: records stay here unsent. Call the county; do not clear the browser's data."],
  "enrol-anew": ["重新启用", "Enrol anew"],
  "may-be-cleared": ["浏览器未承诺长期保存数据，磁盘满时未发送的记录可能丢失！请把本页安装为应用或加入书签。", "The browser may drop our data: install this page as an app or bookmark it."],
  "clock-wrong": ["本机时钟不准，请校时。相差", "This device's clock is wrong. It is off by"],
  "clock-back": ["本机时钟被拨回：这一条比上一条还早，请校时", "This device's clock went back: this record is older than the one before. Set it right."],
  "knowledge-old": ["作废名单已超过一天没有更新", "The list of revoked tickets is more than a day old"],
  "new-version": ["有新版本，处理完这一车后请更新", "A new version is ready: update after this truck"],
  "update": ["更新", "Update"],
  "try-again": ["再试", "Try again"],
  "cannot-send": ["暂时发送失败", "Sending failed"],
  "not-kept": ["没有保存！请记在纸上并检查磁盘空间。", "Not saved! Write it on paper and check the disk."],
  "refused-record": ["有记录未入账，原因见“最近十条”", "A record was refused: see the last ten"],
  "understood": ["知道了", "Understood"],
  "not-secure": ["本页须以 https:// 打开，否则浏览器不能离线工作、不能签名。", "Open this page by https://: otherwise the browser can neither work offline nor sign."],
  "too-old": ["浏览器太旧：请使用 Chrome 109 以上版本。", "This browser is too old: use Chrome 109 or later."],
  "unreachable": ["连不上服务，请检查网络后再试。", "The service cannot be reached: check the network and try again."],
  "ready-offline": ["断网也能用", "Works offline"],
  "not-ready-offline": ["正在准备离线使用…", "Preparing for offline use…"],
  "no-camera": ["打不开摄像头，请改用扫码枪、图片或手工输入。", "The camera does not open: use a scanner, a picture or type the number."],
  "no-code-seen": ["图片里没有读到运单码", "No ticket code was read in the picture"],
  "by-hand-weight": ["重量要填整千克，例如 46020（不是吨）", "The weight in whole kilograms, such as 46020, not in tonnes"],
  "by-hand-reason": ["请填原因：为什么不用仪表取数", "Say why the indicator was not used"],
  "by-hand-second": ["请填在场核对的第二人姓名", "Name the second person who looked at the display"],
  "reading-picture": ["正在识别图片…", "Reading the picture…"],
  "clear-again": ["本车已有重量：再按一次“清空”才会丢弃；下一辆请按“暂存”", "This truck has a weight: press Clear again to throw it away, or Park"],
};

/** Words in both languages, as nodes: Chinese, and English in a smaller hand. */
export function both([zh, en]) {
  const found = document.createDocumentFragment();
  const small = document.createElement("small");
  small.lang = "en";
  small.textContent = en;
  found.append(zh, " ", small);
  return found;
}

/** Reads the service's words; `word(code, family)` gives a pair, the code itself where a newer service has none yet. */
export class Dictionary {
  #words;

  constructor(words) {
    this.#words = words;
  }

  static async load() {
    const answer = await fetch(new URL("./codes.json", import.meta.url));
    return new Dictionary(await answer.json());
  }

  word(code, family) {
    return this.#words[family][code] ?? SAID[code] ?? [code, code];
  }
}

/** A mass for people: tonnes with three decimals. */
export function tonnes(kg) {
  return `${(kg / 1000).toFixed(3)} t`;
}

/** Kilograms with thin gaps between the thousands. */
export function kilograms(kg) {
  return `${String(kg).replace(/\B(?=(\d{3})+$)/g, "\u202f")} kg`;
}

/** An age in words. */
export function age(ms) {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 1) return ["刚刚", "just now"];
  if (minutes < 60) return [`${minutes} 分钟前`, `${minutes} min ago`];
  const hours = Math.round(minutes / 60);
  return hours < 48 ? [`${hours} 小时前`, `${hours} h ago`] : [`${Math.round(hours / 24)} 天前`, `${Math.round(hours / 24)} days ago`];
}

/** A length of time in words. */
export function span(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return [`${seconds} 秒`, `${seconds} s`];
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? [`${minutes} 分`, `${minutes} min`] : [`${Math.round(minutes / 60)} 小时`, `${Math.round(minutes / 60)} h`];
}
