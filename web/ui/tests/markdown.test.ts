import { describe, expect, it, vi } from "vitest";
import { MarkdownView, plainText, renderMarkdown, safeHref } from "../src/markdown.ts";

/** The nodes as text, for reading in a test; attributes that every block has are left out. */
function html(text: string, options = {}): string {
  const box = document.createElement("div");
  box.append(renderMarkdown(text, options));
  return box.innerHTML
    .replace(/ dir="auto"/g, "")
    .replace(/ rel="noopener noreferrer nofollow"/g, "")
    .replace(/ target="_blank"/g, "");
}
const cite = (index: number): Node | null => {
  if (index > 3) return null;
  const sup = document.createElement("sup");
  sup.textContent = String(index);
  return sup;
};

describe("inline", () => {
  it.each([
    ["plain", "<p>plain</p>"],
    ["a **b** c", "<p>a <strong>b</strong> c</p>"],
    ["a __b__ c", "<p>a <strong>b</strong> c</p>"],
    ["*a* _b_ ~~c~~", "<p><em>a</em> <em>b</em> <del>c</del></p>"],
    ["***a***", "<p><em><strong>a</strong></em></p>"],
    ["**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"],
    ["*a **b** c*", "<p><em>a <strong>b</strong> c</em></p>"],
    ["snake_case_name and 2*3*4", "<p>snake_case_name and 2<em>3</em>4</p>"],
    ["a * b * c", "<p>a * b * c</p>"],
    ["**open", "<p>**open</p>"],
    ["\\*not\\* \\[x\\]", "<p>*not* [x]</p>"],
    ["`a*b*c` ``x`y``", "<p><code>a*b*c</code> <code>x`y</code></p>"],
    ["one\ntwo", "<p>one<br>two</p>"],
    ["one  \ntwo", "<p>one<br>two</p>"],
    ["[a](https://x.test/y)", '<p><a href="https://x.test/y">a</a></p>'],
    ["[**a** `b`](/docs?x=1#y)", '<p><a href="/docs?x=1#y"><strong>a</strong> <code>b</code></a></p>'],
    ['[a](<https://x.test/y> "title")', '<p><a href="https://x.test/y">a</a></p>'],
    ["[a](https://x.test/(b)) c)", '<p><a href="https://x.test/(b)">a</a> c)</p>'],
    ["[a]", "<p>[a]</p>"],
    ["[a] (b)", "<p>[a] (b)</p>"],
    ["see https://x.test/a?b=c_d_e.", '<p>see <a href="https://x.test/a?b=c_d_e">https://x.test/a?b=c_d_e</a>.</p>'],
    ["(https://x.test/a)", '<p>(<a href="https://x.test/a">https://x.test/a</a>)</p>'],
    ["**https://x.test**", '<p><strong><a href="https://x.test">https://x.test</a></strong></p>'],
    ["<https://x.test/a>", '<p><a href="https://x.test/a">https://x.test/a</a></p>'],
    ["<mailto:a@x.test>", '<p><a href="mailto:a@x.test">a@x.test</a></p>'],
    ["[call](tel:+4930123)", '<p><a href="tel:+4930123">call</a></p>'],
    ["![alt](https://x.test/i.png)", "<p>alt</p>"],
    ["[![alt](https://x.test/i.png)](https://x.test)", '<p><a href="https://x.test">alt</a></p>'],
    ["[a [b](/b) c](/d)", '<p>[a <a href="/b">b</a> c](/d)</p>'],
    ["<b>x</b> & &amp;", "<p>&lt;b&gt;x&lt;/b&gt; &amp; &amp;amp;</p>"],
    ["**日本語。**です", "<p><strong>日本語。</strong>です</p>"],
  ])("%s", (text, expected) => expect(html(text)).toBe(expected));

  it("opens a foreign address in a new tab and tells it nothing", () => {
    const link = renderMarkdown("[a](https://x.test)").querySelector("a")!;
    expect(link.rel).toBe("noopener noreferrer nofollow");
    expect(link.target).toBe("_blank");
    expect(renderMarkdown("[a](/here)").querySelector("a")!.target).toBe("");
  });
});

describe("blocks", () => {
  it.each([
    ["a\n\nb", "<p>a</p><p>b</p>"],
    ["# Title #\ntext", "<p><strong>Title</strong></p><p>text</p>"],
    ["#no", "<p>#no</p>"],
    ["---", "<hr>"],
    ["- a\n- b", "<ul><li>a</li><li>b</li></ul>"],
    ["1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"],
    ["3) a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["- a\n  - b\n    - c\n- d", "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ul>"],
    ["1. a\n  - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"],
    ["1. a\n\n2. b", "<ol><li>a</li><li>b</li></ol>"],
    ["- a\n\n  b", "<ul><li><p>a</p><p>b</p></li></ul>"],
    ["text\n- a", "<p>text</p><ul><li>a</li></ul>"],
    ["in\n1984. b", "<p>in<br>1984. b</p>"],
    ["- a\ncontinued\n\nafter", "<ul><li>a<br>continued</li></ul><p>after</p>"],
    ["> a\n> b\n\nc", "<blockquote><p>a<br>b</p></blockquote><p>c</p>"],
    ["> - a\n> - b", "<blockquote><ul><li>a</li><li>b</li></ul></blockquote>"],
    ["- a\n- b\n\n1. c", "<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol>"],
    ["* * *", "<hr>"],
  ])("%j", (text, expected) => expect(html(text)).toBe(expected));

  it("keeps code as it is, with its language", () => {
    const box = renderMarkdown("```js\nif (a < b) {\n\n  *x*\n}\n```\nafter");
    expect(box.querySelector("code")!.textContent).toBe("if (a < b) {\n\n  *x*\n}");
    expect(box.querySelector("span")!.textContent).toBe("js");
    expect(box.lastElementChild!.textContent).toBe("after");
  });

  it("copies what the block holds", () => {
    const run = vi.fn();
    const box = renderMarkdown("~~~\na [1]\n~~~", { copy: { label: "Copy", run }, citation: cite });
    box.querySelector("button")!.click();
    expect(run).toHaveBeenCalledWith("a [1]", expect.anything());
  });

  it("makes tables, with alignment and ragged rows", () => {
    const box = renderMarkdown("| a | b |\n|---|--:|\n| 1 | **2** |\n| x \\| y |\n\nafter");
    const rows = [...box.querySelectorAll("tr")].map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows).toEqual([
      ["a", "b"],
      ["1", "2"],
      ["x | y", ""],
    ]);
    expect(box.querySelector("td.md-end strong")!.textContent).toBe("2");
    expect(box.lastElementChild!.textContent).toBe("after");
    expect(html("a | b\nc | d")).toBe("<p>a | b<br>c | d</p>");
  });
});

describe("citations", () => {
  it.each([
    ["a [1].", "<p>a<sup>1</sup>.</p>"],
    ["a [1][2]", "<p>a<sup>1</sup><sup>2</sup></p>"],
    ["a [1, 3]", "<p>a<sup>1</sup><sup>3</sup></p>"],
    ["a [9] b", "<p>a [9] b</p>"],
    ["`[1]`", "<p><code>[1]</code></p>"],
    ["[1](https://x.test)", '<p><a href="https://x.test">1</a></p>'],
    ["[a [1]](https://x.test)", '<p><a href="https://x.test">a</a><sup>1</sup></p>'],
  ])("%j", (text, expected) => expect(html(text, { citation: cite })).toBe(expected));

  it("leaves brackets alone where there are no sources", () => {
    expect(html("a [1]")).toBe("<p>a [1]</p>");
  });
});

describe("a growing text", () => {
  const text =
    "# Plan\n\nFirst **bold** and [link](https://x.test).\n\n- one [1]\n- two `code`\n\n```\nx\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd.";

  it("ends as the whole would have been, whatever the pieces", () => {
    for (const size of [1, 2, 3, 7, 50]) {
      const box = document.createElement("div");
      const view = new MarkdownView(box, { citation: cite });
      for (let at = size; at < text.length; at += size) view.update(text.slice(0, at), true);
      view.update(text);
      const whole = document.createElement("div");
      whole.append(renderMarkdown(text, { citation: cite }));
      expect(box.innerHTML).toBe(whole.innerHTML);
    }
  });

  it("keeps the nodes of finished blocks", () => {
    const box = document.createElement("div");
    const view = new MarkdownView(box);
    view.update("one\n\ntwo", true);
    const first = box.firstChild;
    view.update("one\n\ntwo three\n\nfour", true);
    expect(box.firstChild).toBe(first);
    expect(box.children.length).toBe(3);
    view.update("one");
    expect(box.firstChild).toBe(first);
    expect(box.children.length).toBe(1);
  });

  it.each([
    ["a **b", "a b"],
    ["a [link](https://x", "a link"],
    ["a [1", "a "],
    ["a `co", "a co"],
    ["a *", "a "],
    ["a ~~b", "a b"],
  ])("shows no half of a mark: %j", (part, shown) => {
    const box = document.createElement("div");
    new MarkdownView(box, { citation: cite }).update(part, true);
    expect(box.textContent!.trim()).toBe(shown.trim());
  });
});

describe("addresses", () => {
  it.each(["https://x.test", "HTTP://x.test/a", "mailto:a@b.c", "tel:112", "/a", "./a", "../a", "#a", "?a=b"])(
    "%s",
    (href) => expect(safeHref(href)).toBe(href),
  );
  it.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "blob:https://x",
    "file:///etc/passwd",
    "//evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "https://a@evil.test",
    "https://a:b@evil.test",
    "",
    "  ",
    "x",
    "x.html",
    "https://",
    "https:evil",
    "ftp://x",
    "mailto://x",
    "intent://x",
    "about:blank",
    "view-source:https://x",
    "https://a b",
  ])("not %j", (href) => expect(safeHref(href)).toBeNull());
});

it("tells a screen reader the text without its marks", () => {
  expect(plainText("# Hi\n\nA **b** [c](/d) [1].\n- x\n  - y\n- z")).toBe("Hi\nA b c.\nx\ny\nz");
});
