// How things are written on the page. Whatever comes from outside becomes text, never markup; the page's policy holds
// the browser to that.

export const at = (id) => document.getElementById(id);
export const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format;
/** completed_with_failures -> completed with failures */
export const words = (name) => name.replaceAll(/[-_]/g, " ");
export const time = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A share is never rounded up to all, nor down to nothing. */
export function percent(part, total) {
  const exact = total === 0 ? 0 : (part * 100) / total;
  if (exact > 0 && exact < 1) return "< 1 %";
  return exact > 99 && exact < 100 ? "> 99 %" : `${Math.round(exact)} %`;
}

/** For those who do not see it change. */
export function tell(news) {
  at("news").textContent = news;
}
