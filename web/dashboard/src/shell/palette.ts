/** A place that can be gone to. */
export interface Place {
  href: string;
  name: string;
  group: string;
}

const fold = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

/** The places whose name or group has every word that was typed; those that begin with the first word come first. */
export function find(places: Place[], typed: string): Place[] {
  const words = fold(typed).split(/\s+/).filter(Boolean);
  const [first] = words;
  if (!first) return places;
  return places
    .map((place) => ({ place, text: fold(`${place.name} ${place.group}`) }))
    .filter(({ text }) => words.every((word) => text.includes(word)))
    .sort((a, b) => Number(b.text.startsWith(first)) - Number(a.text.startsWith(first)))
    .map(({ place }) => place);
}
