/** Short sounds for those who look at the truck and not at the screen. */

const TUNES = {
  good: [[660, 0.1], [880, 0.16]],
  warn: [[520, 0.16], [0, 0.08], [520, 0.16]],
  bad: [[220, 0.22], [0, 0.08], [220, 0.22], [0, 0.08], [180, 0.4]],
};

let speaker;

/** Play the tune of a level; browsers allow it once somebody has touched the page. */
export function play(level) {
  const Speaker = window.AudioContext;
  if (!Speaker) return;
  speaker ??= new Speaker();
  if (speaker.state === "suspended") speaker.resume();
  let at = speaker.currentTime;
  for (const [hertz, seconds] of TUNES[level]) {
    if (hertz) tone(hertz, at, seconds);
    at += seconds;
  }
}

function tone(hertz, at, seconds) {
  const oscillator = speaker.createOscillator();
  const volume = speaker.createGain();
  oscillator.frequency.value = hertz;
  oscillator.type = "square";
  volume.gain.setValueAtTime(0.2, at);
  volume.gain.linearRampToValueAtTime(0, at + seconds);
  oscillator.connect(volume).connect(speaker.destination);
  oscillator.start(at);
  oscillator.stop(at + seconds);
}
