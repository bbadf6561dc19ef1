/** The panel's languages: English is at hand, every other comes as a file of its own. */
import en, { type Strings } from "./en.ts";

export type { Strings };

const LOADERS: Record<string, () => Promise<{ default: Strings }>> = {
  de: () => import("./de.ts"),
  fr: () => import("./fr.ts"),
  es: () => import("./es.ts"),
  pt: () => import("./pt.ts"),
  it: () => import("./it.ts"),
  nl: () => import("./nl.ts"),
  pl: () => import("./pl.ts"),
  tr: () => import("./tr.ts"),
  ar: () => import("./ar.ts"),
  he: () => import("./he.ts"),
  ja: () => import("./ja.ts"),
  zh: () => import("./zh.ts"),
};
export const LOCALES = ["en", ...Object.keys(LOADERS)];

/** Those of the forms are there in English once the forms are. */
export interface Language {
  /** The tag to format numbers and times with. */
  tag: string;
  dir: "ltr" | "rtl";
  strings: Strings;
}

/** The first of the wished-for tags that there is a language for, with the texts that the assistant replaces. */
export async function language(
  wished: (string | null | undefined)[],
  own: Record<string, string> = {},
): Promise<Language> {
  const tag = wished.flatMap(canonical).find((each) => LOCALES.includes(base(each))) ?? "en";
  // A language file that cannot be had must not keep anybody from asking.
  const english: { default: Strings } = { default: en };
  const strings = await (LOADERS[base(tag)]?.() ?? Promise.resolve(english)).catch(() => english);
  return { tag, dir: /^(?:ar|he)$/.test(base(tag)) ? "rtl" : "ltr", strings: { ...strings.default, ...own } };
}

const base = (tag: string): string => tag.split("-", 1)[0]!;

/** The tag as the platform writes it, in a list; an empty one for what is no tag. */
function canonical(tag: string | null | undefined): string[] {
  try {
    return tag ? Intl.getCanonicalLocales(tag.replace(/_/g, "-")) : [];
  } catch {
    return [];
  }
}

/** Puts values in the place of `{name}`. */
export const fill = (text: string, values: Record<string, string | number>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
