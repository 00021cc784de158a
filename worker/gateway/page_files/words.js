/** Numbers, times and names as a person reads them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const ABBREVIATIONS = /\b(vbr|hls|id)\b/gi;
const SUFFIXES = { kbps: "kbit/s", hz: "Hz", seconds: "s", lufs: "LUFS", dbtp: "dBTP", db: "dB" };

export function bytes(count) {
  const power = count < 1 ? 0 : Math.min(Math.floor(Math.log2(count) / 10), UNITS.length - 1);
  const value = count / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** 3:05 or 1:02:03 */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** "about 12 s left" */
export function timeLeft(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

export function clock(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })
    : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** "bitrate_kbps" is "Bitrate (kbit/s)". */
export function label(name) {
  const words = name.split("_");
  const unit = SUFFIXES[words.at(-1)];
  if (unit && words.length > 1) words.pop();
  const text = words.join(" ").replace(ABBREVIATIONS, (word) => word.toUpperCase());
  return text.charAt(0).toUpperCase() + text.slice(1) + (unit ? ` (${unit})` : "");
}

/** The last part of an s3:// URL. */
export function fileName(location) {
  const parts = location.split("/").filter((part) => part !== "");
  return parts.at(-1) ?? location;
}
