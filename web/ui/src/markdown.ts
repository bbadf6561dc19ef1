/**
 * Markdown to DOM nodes, for text that nobody has vouched for: a model's answer, a document's passage, a visitor's
 * message. Every node is made with `createElement` and filled with text, so no markup of the text can become markup of
 * the page: raw HTML shows as the characters it is, images are never made, a link goes to `http`, `https`, `mailto`,
 * `tel` or a path of the site, or it is no link.
 *
 * Read here: paragraphs, headings (as bold paragraphs: a message has no outline), nested lists, fenced code, quotes,
 * rules, GFM tables, emphasis, links and bare addresses, citations `[1]`. A single line break is kept, as chats do.
 * `MarkdownView` renders a text while it grows and leaves the blocks alone that are finished.
 * The look of it all is the caller's style sheet; the words on its buttons come in with the options.
 */
import { el, MAX_DEPTH, type MarkdownOptions, renderInline } from "./markdown-inline.ts";

export { type MarkdownOptions, safeHref } from "./markdown-inline.ts";

const FENCE = /^ {0,3}(?:(`{3,})(?!.*`)|(~{3,}))[ \t]*(\S*)/;
const HEADING = /^ {0,3}#{1,6}(?:[ \t]|$)/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?:( +)(.*)|$)/;
const TABLE_RULE = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

type Block = { kind: "code" | "heading" | "rule" | "quote" | "list" | "table" | "text"; lines: string[] };

/** The whole text as nodes. */
export function renderMarkdown(text: string, options: MarkdownOptions = {}): DocumentFragment {
  const fragment = document.createDocumentFragment();
  renderBlocks(fragment, splitBlocks(toLines(text)), options, 0);
  return fragment;
}

/** The text without its marks, for a screen reader, a notification or a title. */
export function plainText(text: string): string {
  let plain = "";
  const walk = (node: Node): void => {
    if (node instanceof Text) plain += node.data;
    else if (!(node instanceof HTMLElement) || !/^(?:SUP|STRONG|EM|DEL|A|CODE)$/.test(node.tagName)) plain += "\n";
    node.childNodes.forEach(walk);
  };
  walk(renderMarkdown(text, { citation: () => document.createTextNode("") }));
  return plain
    .replace(/[^\S\n]+/g, " ")
    .replace(/ *\n\s*/g, "\n")
    .trim();
}

/** Renders a growing text into an element; blocks whose source has not changed keep their nodes. */
export class MarkdownView {
  #sources: string[] = [];

  readonly #target: Element;
  readonly #options: MarkdownOptions;

  constructor(target: Element, options: MarkdownOptions = {}) {
    this.#target = target;
    this.#options = options;
  }

  /** Shows `text`; while `open`, what is plainly unfinished at its end is completed or held back. */
  update(text: string, open = false): void {
    const blocks = splitBlocks(toLines(text));
    const last = blocks.at(-1);
    if (open && last && last.kind !== "code") {
      blocks.splice(-1, 1, ...splitBlocks(mend(last.lines.join("\n")).split("\n")));
    }
    blocks.forEach((block, index) => {
      const source = block.kind + "\n" + block.lines.join("\n");
      if (this.#sources[index] === source) return;
      this.#sources[index] = source;
      const node = renderBlock(block, this.#options, 0);
      const old = this.#target.children[index];
      if (old) old.replaceWith(node);
      else this.#target.append(node);
    });
    this.#sources.length = blocks.length;
    while (this.#target.children.length > blocks.length) this.#target.lastElementChild!.remove();
  }
}

/** Completes or holds back what the end of a growing text has only begun, so that no marks flicker. */
function mend(text: string): string {
  let mended = text
    .replace(/!?\[([^[\]\n]*)\]\([^()\s]*$/, "$1")
    .replace(/(?:\[\d{0,3}(?:, ?\d{0,3})*)$/, "")
    .replace(/(?<![*_~`])[*_~`]+$/, "");
  for (const mark of ["`", "**", "~~"]) {
    if (mended.split(mark).length % 2 === 0) mended = mended.trimEnd() + mark;
  }
  return mended;
}

function toLines(text: string): string[] {
  // Overrides of the writing direction can make a text read as what it is not.
  return text
    .replace(/[\u202d\u202e]/g, "")
    .replace(/\r\n?/g, "\n")
    .replace(/^\t+/gm, (tabs) => "    ".repeat(tabs.length))
    .split("\n");
}

const indentOf = (line: string): number => line.length - line.trimStart().length;
const isBlank = (line: string | undefined): boolean => !line?.trim();
const isTable = (line: string, next: string | undefined): boolean =>
  line.includes("|") &&
  next !== undefined &&
  next.includes("-") &&
  TABLE_RULE.test(next) &&
  cells(line).length === cells(next).length;

/** Cuts lines into top-level blocks; each one's lines are enough to render it. */
function splitBlocks(lines: string[]): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  const take = (kind: Block["kind"], end: number): void => {
    blocks.push({ kind, lines: lines.slice(at, end) });
    at = end;
  };
  while (at < lines.length) {
    const line = lines[at]!;
    let end = at + 1;
    const fence = FENCE.exec(line);
    if (isBlank(line)) at++;
    else if (fence) {
      while (end < lines.length && !closesFence(lines[end]!, (fence[1] ?? fence[2])!)) end++;
      take("code", Math.min(end + 1, lines.length));
    } else if (HEADING.test(line)) take("heading", end);
    else if (RULE.test(line)) take("rule", end);
    else if (QUOTE.test(line)) {
      while (end < lines.length && !isBlank(lines[end]) && (QUOTE.test(lines[end]!) || !startsBlock(lines, end))) end++;
      take("quote", end);
    } else if (ITEM.test(line)) take("list", listEnd(lines, at));
    else if (isTable(line, lines[end])) {
      while (end < lines.length && !isBlank(lines[end]) && (end === at + 1 || lines[end]!.includes("|"))) end++;
      take("table", end);
    } else {
      while (end < lines.length && !isBlank(lines[end]) && !startsBlock(lines, end)) end++;
      take("text", end);
    }
  }
  return blocks;
}

function closesFence(line: string, fence: string): boolean {
  const trimmed = line.trim();
  return indentOf(line) < 4 && trimmed.length >= fence.length && trimmed === fence[0]!.repeat(trimmed.length);
}

/** Whether a paragraph ends before this line. */
function startsBlock(lines: string[], at: number): boolean {
  const line = lines[at]!;
  const item = ITEM.exec(line);
  if (item?.[4] && (!/^\d/.test(item[2]!) || item[2]!.length === 2)) return true;
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || isTable(line, lines[at + 1]);
}

/** The line after a list: it holds its items, what is indented below them, and lines that run on. */
function listEnd(lines: string[], start: number): number {
  const base = indentOf(lines[start]!);
  const ordered = /^ *\d/.test(lines[start]!);
  let end = start + 1;
  for (; end < lines.length; end++) {
    const line = lines[end]!;
    if (isBlank(line)) continue;
    if (indentOf(line) >= base + 2) continue;
    const item = ITEM.exec(line);
    if (item && !RULE.test(line)) {
      if (/^\d/.test(item[2]!) === ordered) continue;
      break;
    }
    if (isBlank(lines[end - 1]) || startsBlock(lines, end)) break;
  }
  while (isBlank(lines[end - 1])) end--;
  return end;
}

function renderBlocks(parent: Node, blocks: Block[], options: MarkdownOptions, depth: number): void {
  for (const block of blocks) parent.appendChild(renderBlock(block, options, depth));
}

function renderBlock(block: Block, options: MarkdownOptions, depth: number): HTMLElement {
  const { lines } = block;
  const first = lines[0]!;
  const text = lines.join("\n");
  if (block.kind === "code") return renderCode(lines, options);
  if (block.kind === "rule") return el("hr");
  if (block.kind === "heading") {
    return el("p", { dir: "auto" }, el("strong", {}, renderInline(headingText(first), options)));
  }
  if (block.kind === "table") return renderTable(lines, options);
  if (depth < MAX_DEPTH && block.kind === "quote") {
    const quote = el("blockquote", { dir: "auto" });
    renderBlocks(quote, splitBlocks(lines.map((line) => line.replace(QUOTE, ""))), options, depth + 1);
    return quote;
  }
  if (depth < MAX_DEPTH && block.kind === "list") return renderList(lines, options, depth);
  return el("p", { dir: "auto" }, renderInline(text.trim(), options));
}

/** What a heading says: without its hashes, in front and behind. */
function headingText(line: string): string {
  const words = line
    .replace(HEADING, "")
    .trim()
    .split(/[ \t]+/);
  if (/^#+$/.test(words.at(-1)!)) words.pop();
  return words.join(" ");
}

function renderCode(lines: string[], options: MarkdownOptions): HTMLElement {
  const [, ticks, tildes, language] = FENCE.exec(lines[0]!)!;
  const closed = lines.length > 1 && closesFence(lines[lines.length - 1]!, (ticks ?? tildes)!);
  const text = lines.slice(1, closed ? -1 : undefined).join("\n");
  const head = el("div", { class: "md-code-head" }, el("span", {}, language!.slice(0, 20)));
  const body = el("pre", { dir: "ltr", tabindex: "0" }, el("code", {}, text));
  if (options.names) {
    body.setAttribute("aria-label", options.names.code);
    body.setAttribute("role", "group");
  }
  if (options.copy) {
    const button = el("button", { type: "button" }, options.copy.label);
    button.addEventListener("click", () => options.copy!.run(text, button));
    head.append(button);
  }
  return el("div", { class: "md-code" }, head, body);
}

function renderList(lines: string[], options: MarkdownOptions, depth: number): HTMLElement {
  const [, indent, marker] = ITEM.exec(lines[0]!)!;
  const ordered = /^\d/.test(marker!);
  const list = el(ordered ? "ol" : "ul", { dir: "auto" });
  if (ordered && parseInt(marker!, 10) !== 1) list.setAttribute("start", String(parseInt(marker!, 10)));
  for (let at = 0; at < lines.length;) {
    const [, , itsMarker, gap, rest] = ITEM.exec(lines[at]!)!;
    const offset = indent!.length + itsMarker!.length + Math.min(gap?.length ?? 1, 4);
    const own = [rest ?? ""];
    let loose = false;
    for (at++; at < lines.length; at++) {
      const line = lines[at]!;
      if (!isBlank(line) && indentOf(line) < indent!.length + 2 && ITEM.test(line)) break;
      if (isBlank(line)) loose = true;
      own.push(line.slice(Math.min(indentOf(line), offset)));
    }
    const item = el("li");
    const blocks = splitBlocks(own);
    // A tight item's text stands in the item itself, without a paragraph around it.
    if (blocks[0]?.kind === "text" && !(loose && blocks[1]?.kind === "text")) {
      item.append(renderInline(blocks.shift()!.lines.join("\n").trim(), options));
    }
    renderBlocks(item, blocks, options, depth + 1);
    list.append(item);
  }
  return list;
}

function cells(row: string): string[] {
  const parts = row
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "")
    .split(/(?<!\\)\|/);
  return parts.map((cell) => cell.trim().replace(/\\\|/g, "|"));
}

function renderTable(lines: string[], options: MarkdownOptions): HTMLElement {
  const head = cells(lines[0]!);
  const align = cells(lines[1]!).map((rule) => (rule.endsWith(":") ? (rule.startsWith(":") ? "center" : "end") : ""));
  const row = (name: "th" | "td", texts: string[]): HTMLElement =>
    el(
      "tr",
      {},
      ...head.map((_, column) => {
        const cell = el(name, {}, renderInline(texts[column] ?? "", options));
        if (name === "th") cell.setAttribute("scope", "col");
        if (align[column]) cell.setAttribute("class", "md-" + align[column]);
        return cell;
      }),
    );
  const body = el("tbody", {}, ...lines.slice(2).map((line) => row("td", cells(line))));
  const table = el("table", {}, el("thead", {}, row("th", head)), body);
  const wrap = el("div", { class: "md-table", dir: "auto", tabindex: "0", role: "group" }, table);
  if (options.names) wrap.setAttribute("aria-label", options.names.table);
  return wrap;
}
