/**
 * The inline half of the Markdown renderer: one block's text as nodes. `markdown.ts` finds the blocks and says what
 * the whole promises.
 */

export interface MarkdownOptions {
  /** Makes the node for the citation `[index]`; null leaves the characters as they stand. */
  citation?: (index: number) => Node | null;
  /** Label of the copy button of code blocks, and what a press on it does; without it there is no button. */
  copy?: { label: string; run: (text: string, button: HTMLButtonElement) => void };
  /** Accessible names of what scrolls sideways: tables and code. */
  names?: { table: string; code: string };
}

/** How deep quotes, lists and emphasis may nest; deeper ones stay text, so that no text can exhaust a stack. */
export const MAX_DEPTH = 12;

/** An element with its attributes and children; strings become text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(name);
  for (const key in attributes) node.setAttribute(key, attributes[key]!);
  node.append(...children);
  return node;
}

/** The address as it may stand in `href`, or null: no other scheme, no disguise, no credentials inside. */
export function safeHref(raw: string): string | null {
  const href = raw.trim();
  // eslint-disable-next-line no-control-regex -- control characters are what disguises a scheme
  if (!href || /[\u0000-\u0020\u007f-\u00a0\u2028\u2029\\<>"]/.test(href)) return null;
  if (/^(?:mailto|tel):[^/]/i.test(href)) return href;
  if (/^(?:\/(?!\/)|\.{1,2}\/|[#?])/.test(href)) return href;
  if (!/^https?:\/\//i.test(href)) return null;
  try {
    const url = new URL(href);
    return url.username || url.password ? null : href;
  } catch {
    return null;
  }
}

interface Delimiter {
  node: Text;
  char: string;
  count: number;
  opens: boolean;
  closes: boolean;
  before: Delimiter | null;
}
interface Bracket {
  node: Text;
  image: boolean;
  delimiters: Delimiter | null;
  before: Bracket | null;
}

const SPACE = /\s/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
/** Scripts without spaces between words: their letters end a word as punctuation does. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u;
const ESCAPE = /\\([!-/:-@[-`{-~])/y;
const BREAK = /(?: {2,}|\\)?\n */y;
const TICKS = /`+/y;
const CITATION = /\[\^?(\d{1,3}(?:, ?\d{1,3})*)\](?!\(|: ?http)/y;
const DESTINATION =
  /\(\s*(?:<([^<>\n]*)>|((?:[^\s()\\]|\\.|\((?:[^\s()\\]|\\.)*\))*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
const ADDRESS = /<((?:https?:\/\/|mailto:)[^\s<>]+)>|https?:\/\/[^\s<>]+/iy;
const RUN = /\*+|_+|~+/y;
const PLAIN = /[^\\\n`[\]!<*_~h]+/y;

/** One block's text as nodes; the delimiter algorithm is that of the CommonMark specification, so it takes linear time. */
export function renderInline(text: string, options: MarkdownOptions): DocumentFragment {
  const root = document.createDocumentFragment();
  const depths = new Map<Node, number>();
  const cited: Node[] = [];
  let delimiters = null as Delimiter | null;
  let brackets = null as Bracket | null;
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const put = (value: string): Text => root.appendChild(document.createTextNode(value));
  /** Moves what stands after `from` (up to `to`) into `wrapper`, and `wrapper` after `from`; false where that is too deep. */
  const wrap = (from: Text, to: Node | null, wrapper: HTMLElement): boolean => {
    let depth = 0;
    for (let node = from.nextSibling; node && node !== to; node = node.nextSibling)
      depth = Math.max(depth, depths.get(node) ?? 0);
    if (depth >= MAX_DEPTH) return false;
    while (from.nextSibling && from.nextSibling !== to) wrapper.appendChild(from.nextSibling);
    from.after(wrapper);
    depths.set(wrapper, depth + 1);
    return true;
  };
  /** Pairs the delimiters above `bottom`, nearest first, and forgets them. */
  const emphasise = (bottom: Delimiter | null): void => {
    const pending: Delimiter[] = [];
    for (let one = delimiters; one && one !== bottom; one = one.before) pending.push(one);
    pending.reverse();
    const open: Delimiter[] = [];
    /** For each kind of closer, below which height no opener fits any more. */
    const floors: Record<string, number> = {};
    for (const closer of pending) {
      while (closer.closes && closer.count) {
        const kind = closer.char + (closer.char === "~" ? closer.count : (closer.count % 3) + (closer.opens ? 3 : 0));
        let found = open.length - 1;
        for (; found >= (floors[kind] ?? 0); found--) {
          const it = open[found]!;
          if (it.char !== closer.char) continue;
          if (
            it.char === "~"
              ? it.count === closer.count
              : !(
                  (it.closes || closer.opens) &&
                  (it.count + closer.count) % 3 === 0 &&
                  (it.count % 3 || closer.count % 3)
                )
          )
            break;
        }
        if (found < (floors[kind] ?? 0)) {
          floors[kind] = open.length;
          break;
        }
        const opener = open[found]!;
        const used = opener.char === "~" ? opener.count : Math.min(opener.count, closer.count, 2);
        open.length = found + 1;
        for (const name in floors) floors[name] = Math.min(floors[name]!, open.length);
        if (!wrap(opener.node, closer.node, el(opener.char === "~" ? "del" : used === 2 ? "strong" : "em"))) {
          // Too deep: what is still open stays text, or every closer to come would walk this far again.
          open.length = 0;
          break;
        }
        opener.count -= used;
        closer.count -= used;
        opener.node.data = opener.char.repeat(opener.count);
        closer.node.data = closer.char.repeat(closer.count);
        if (!opener.count) open.pop();
      }
      if (closer.opens && closer.count) open.push(closer);
    }
    delimiters = bottom;
  };

  while (at < text.length) {
    const start = at;
    const char = text[at]!;
    let found = match(PLAIN);
    if (found) put(found[0]);
    else if (match(BREAK)) {
      if (root.lastChild instanceof Text) root.lastChild.data = root.lastChild.data.trimEnd();
      root.append(el("br"));
    } else if ((found = match(ESCAPE))) put(found[1]!);
    else if ((found = match(TICKS))) {
      const end = closingTicks(text, at, found[0].length);
      if (end < 0) put(found[0]);
      else {
        const code = text.slice(at, end).replace(/\n/g, " ");
        root.append(el("code", { dir: "auto" }, /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code));
        at = end + found[0].length;
      }
    } else if ((found = match(CITATION))) {
      const nodes = found[1]!.split(",").map((index) => options.citation?.(Number(index)) ?? null);
      if (nodes.every((node) => node)) {
        if (root.lastChild instanceof Text) root.lastChild.data = root.lastChild.data.trimEnd();
        root.append(...(nodes as Node[]));
        cited.push(...(nodes as Node[]));
      } else put(found[0]);
    } else if (char === "[" || (char === "!" && text[at + 1] === "[")) {
      at += char === "!" ? 2 : 1;
      brackets = { node: put(text.slice(start, at)), image: char === "!", delimiters, before: brackets };
    } else if (char === "]") {
      at++;
      const opener = brackets;
      brackets = opener?.before ?? null;
      const target = opener && match(DESTINATION);
      if (!opener || !target) put("]");
      else {
        emphasise(opener.delimiters);
        const href = opener.image
          ? null
          : safeHref((target[1] ?? target[2] ?? "").replace(/\\([!-/:-@[-`{-~])/g, "$1"));
        if (href && opener.node.nextSibling && wrap(opener.node, null, link(href))) {
          // A link holds no other link and no button: addresses inside become text, citations follow it.
          const made = opener.node.nextSibling as HTMLElement;
          for (const inner of made.querySelectorAll("a")) inner.replaceWith(...inner.childNodes);
          for (const node of cited) if (made.contains(node)) root.append(node);
          brackets = null;
        }
        opener.node.data = "";
      }
    } else if ((found = match(ADDRESS))) {
      let address = found[1] ?? found[0];
      if (!found[1]) {
        address = trimAddress(address);
        at = start + address.length;
      }
      const href = safeHref(address);
      if (href) root.append(link(href, address.replace(/^mailto:/i, "")));
      else put(found[1] ? found[0] : address);
    } else if ((found = match(RUN))) {
      const previous = text[start - 1] ?? " ";
      const next = text[at] ?? " ";
      const edge = (char: string): boolean => SPACE.test(char) || PUNCTUATION.test(char) || UNSPACED.test(char);
      const left = !SPACE.test(next) && (!PUNCTUATION.test(next) || edge(previous));
      const right = !SPACE.test(previous) && (!PUNCTUATION.test(previous) || edge(next));
      const node = put(found[0]);
      const inWord = char === "_" && left && right;
      if (char !== "~" || found[0].length < 3) {
        delimiters = {
          node,
          char,
          count: found[0].length,
          before: delimiters,
          opens: left && (!inWord || PUNCTUATION.test(previous)),
          closes: right && (!inWord || PUNCTUATION.test(next)),
        };
      }
    } else {
      at++;
      put(char);
    }
  }
  emphasise(null);
  root.normalize();
  return root;
}

function closingTicks(text: string, from: number, length: number): number {
  for (let at = text.indexOf("`", from); at >= 0;) {
    let end = at;
    while (text[end] === "`") end++;
    if (end - at === length) return at;
    at = text.indexOf("`", end);
  }
  return -1;
}

/** A bare address without the punctuation of the sentence around it. */
function trimAddress(address: string): string {
  let surplus = address.split(")").length - address.split("(").length;
  let end = address.length;
  for (; end; end--) {
    const last = address[end - 1]!;
    if (last === ")" ? surplus-- <= 0 : !/[.,:;!?'"*_~\]}»”’`]/.test(last)) break;
  }
  return address.slice(0, end);
}

function link(href: string, text?: string): HTMLAnchorElement {
  const node = el("a", { href, rel: "noopener noreferrer nofollow" });
  if (/^http/i.test(href)) node.setAttribute("target", "_blank");
  if (text) node.append(text);
  return node;
}
