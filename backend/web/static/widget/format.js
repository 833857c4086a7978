/* Times as people say them, always in Asia/Shanghai, wherever the customer's device thinks it is. */
const zone = "Asia/Shanghai";
const clock = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone: zone });

export const hourMinute = (at) => clock.format(new Date(at));

export function dayAndTime(at, lang) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  const [year, month, dayOfMonth] = day.format(date).split("-").map(Number);
  const time = hourMinute(date);
  if (day.format(date) === day.format(new Date())) return lang === "en" ? `Today ${time}` : `今天 ${time}`;
  if (lang === "en") return `${new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: zone }).format(date)} ${time}`;
  const thisYear = Number(day.format(new Date()).slice(0, 4));
  return `${year === thisYear ? "" : `${year}年`}${month}月${dayOfMonth}日 ${time}`;
}

export function size(bytes) {
  if (!bytes) return "";
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
