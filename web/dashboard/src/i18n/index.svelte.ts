/**
 * The dashboard's languages. English is in the first load; another one is fetched when it is chosen. A dictionary is a
 * flat record, typed after the English one, so that a missing or misspelt key does not compile.
 */
import { en } from "./en.ts";

/** A text, or its plural forms by `Intl.PluralRules`; `{name}` takes a parameter, `{count}` the number. */
export type Entry = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Key = keyof typeof en;
export type Dictionary = Record<Key, Entry>;
export type Locale = "en" | "de";
type Parameters = Record<string, string | number>;

export const locales: Record<Locale, string> = { en: "English", de: "Deutsch" };
const STORED = "illumichat.locale";
const loaders: Record<Locale, () => Promise<Dictionary>> = {
  en: async () => en,
  de: async () => (await import("./de.ts")).de,
};

let current = $state.raw<{ locale: Locale; dictionary: Dictionary }>({ locale: "en", dictionary: en });

export function locale(): Locale {
  return current.locale;
}

/** Fetches a language and shows it; a failure to fetch leaves the present one. */
export async function setLocale(locale: Locale, remember = true): Promise<void> {
  const dictionary = await loaders[locale]();
  current = { locale, dictionary };
  document.documentElement.lang = locale;
  if (remember) store(locale);
}

/** The language chosen here before, else the first of the browser's that we have. */
export async function startLocale(): Promise<void> {
  const wanted = [stored(), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  const found = wanted.find((tag): tag is Locale => tag !== null && tag in locales);
  if (found && found !== "en") await setLocale(found, false).catch(() => undefined);
}

/** The text of a key. A parameter that is a number is written as the language writes numbers. */
export function t(key: Key, parameters: Parameters = {}): string {
  return translate(current.dictionary[key], parameters, current.locale);
}

export function translate(entry: Entry, parameters: Parameters, tag: string): string {
  const text = typeof entry === "string" ? entry : (entry[plural(tag, Number(parameters.count))] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(tag).format(value) : value;
  });
}

function plural(tag: string, count: number): Intl.LDMLPluralRule {
  return new Intl.PluralRules(tag).select(count);
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function store(locale: Locale): void {
  try {
    localStorage.setItem(STORED, locale);
  } catch {
    // Storage is closed to us: the choice holds until the page is left.
  }
}
