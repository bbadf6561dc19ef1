// Text that wants out of its text node: whatever it says, the output holds listed tags and attributes only.
import { describe, expect, it } from "vitest";
import { MarkdownView, renderMarkdown, safeHref } from "../src/markdown.ts";

const TAGS = new Set(
  "a blockquote br button code del div em hr li ol p pre span strong sup table tbody td th thead tr ul".split(" "),
);
const ATTRIBUTES: Record<string, RegExp> = {
  "aria-label": /^(?:table|code|Source \d+)$/,
  class: /^md-(?:code|code-head|table|center|end)$/,
  dir: /^(?:auto|ltr)$/,
  href: /./,
  rel: /^noopener noreferrer nofollow$/,
  role: /^group$/,
  scope: /^col$/,
  start: /^\d{1,9}$/,
  tabindex: /^0$/,
  target: /^_blank$/,
  type: /^button$/,
};
const options = {
  copy: { label: "Copy", run: () => {} },
  names: { table: "table", code: "code" },
  citation: (index: number) => {
    const sup = document.createElement("sup");
    const button = sup.appendChild(document.createElement("button"));
    button.type = "button";
    button.setAttribute("aria-label", `Source ${index}`);
    return sup;
  },
};

function check(root: ParentNode): void {
  for (const node of root.querySelectorAll("*")) {
    expect(TAGS).toContain(node.localName);
    for (const { name, value } of node.attributes) {
      expect(Object.keys(ATTRIBUTES)).toContain(name);
      expect(value).toMatch(ATTRIBUTES[name]!);
    }
    if (node.localName === "a") {
      expect(safeHref(node.getAttribute("href")!)).toBe(node.getAttribute("href"));
      expect(node.getAttribute("rel")).toBe("noopener noreferrer nofollow");
      expect(node.querySelector("a,button")).toBeNull();
    }
  }
}

const ADDRESSES = [
  "javascript:alert(1)",
  "JAVASCRIPT:alert(1)",
  "jAvAsCrIpT:alert(1)",
  "java\tscript:alert(1)",
  "java\nscript:alert(1)",
  "java\rscript:alert(1)",
  " javascript:alert(1)",
  "\u0000javascript:alert(1)",
  "\u0001javascript:alert(1)",
  "\u00a0javascript:alert(1)",
  "\ufeffjavascript:alert(1)",
  "javascript&colon;alert(1)",
  "javascript&#58;alert(1)",
  "&#106;avascript:alert(1)",
  "&#x6A;avascript:alert(1)",
  "javascript\\:alert(1)",
  "javascript://x.test/%0aalert(1)",
  "javascript:/*--></script>*/alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
  "data:image/svg+xml,<svg onload=alert(1)>",
  "vbscript:msgbox(1)",
  "livescript:x",
  "mocha:x",
  "blob:https://x.test/1",
  "filesystem:https://x.test/1",
  "file:///etc/passwd",
  "view-source:https://x.test",
  "about:blank",
  "chrome://settings",
  "intent://x#Intent;end",
  "ms-appinstaller:?source=https://x.test",
  "//x.test",
  "\\\\x.test",
  "/\\x.test",
  "/\t/x.test",
  "https://good.test@evil.test",
  "https://good.test:pw@evil.test/",
  "https:\\\\x.test",
  "https:x.test",
  "http:/x.test",
  'https://x.test" onmouseover="alert(1)',
  "https://x.test' onmouseover='alert(1)",
  "https://x.test><script>alert(1)</script>",
  "https://x.test\u202egnp.exe",
  "https://[::1",
  "https://%00",
  "https://x.test/\u2028alert(1)",
  "jar:https://x.test!/a",
  "ws://x.test",
  "ftp://x.test",
  "tel:",
  "mailto:",
];

const HTML = [
  "<script>alert(1)</script>",
  "<SCRIPT SRC=https://x.test/x.js></SCRIPT>",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<img src=x onerror=alert(1)>",
  "<img/src=x/onerror=alert(1)>",
  '<img src="javascript:alert(1)">',
  '<IMG """><SCRIPT>alert(1)</SCRIPT>">',
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><a xlink:href=javascript:alert(1)>x</a></svg>",
  "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
  '<math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=alert(1) src>">',
  "<iframe src=javascript:alert(1)>",
  "<iframe srcdoc='<script>alert(1)</script>'>",
  "<object data=javascript:alert(1)>",
  "<embed src=javascript:alert(1)>",
  "<a href=javascript:alert(1)>x</a>",
  "<a onclick=alert(1)>x</a>",
  "<body onload=alert(1)>",
  "<base href=https://x.test/>",
  "<link rel=stylesheet href=https://x.test/x.css>",
  "<meta http-equiv=refresh content='0;url=https://x.test'>",
  "<style>@import 'https://x.test'</style>",
  "<style>*{background:url(https://x.test)}</style>",
  "<div style=background:url(https://x.test)>",
  "<form action=https://x.test><input type=submit>",
  "<input onfocus=alert(1) autofocus>",
  "<select onfocus=alert(1) autofocus>",
  "<textarea onfocus=alert(1) autofocus>",
  "<details open ontoggle=alert(1)>",
  "<video src=x onerror=alert(1)>",
  "<video><source onerror=alert(1)>",
  "<audio src=x onerror=alert(1)>",
  "<marquee onstart=alert(1)>",
  "<template><script>alert(1)</script></template>",
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
  '<xmp><p title="</xmp><img src=x onerror=alert(1)>">',
  "<!--><img src=x onerror=alert(1)>-->",
  "<![CDATA[<img src=x onerror=alert(1)>]]>",
  '<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
  "<x onpointerenter=alert(1)>x</x>",
  "<button popovertarget=x onclick=alert(1)>",
  "<table background=javascript:alert(1)>",
  "<td background=https://x.test>",
  "<isindex action=javascript:alert(1)>",
  "<portal src=https://x.test>",
  "<dialog open onclose=alert(1)>",
  "<slot onslotchange=alert(1)>",
  "&lt;script&gt;alert(1)&lt;/script&gt;",
  "&#60;script&#62;alert(1)",
  "\\<script\\>alert(1)",
  "\u003cscript\u003ealert(1)",
  "%3Cscript%3Ealert(1)",
  "<\u0000script>alert(1)</script>",
  "＜script＞alert(1)",
];

const AROUND = [
  "`<img src=x onerror=alert(1)>`",
  "```<img src=x onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
  '```"><script>\nx\n```',
  "```js onload=alert(1)\nx\n```",
  "~~~ <svg/onload=alert(1)>\nx",
  "| <script> | b |\n|---|---|\n| <img src=x onerror=alert(1)> | [x](javascript:alert(1)) |",
  "> <script>alert(1)</script>",
  "> > > <img src=x onerror=alert(1)>",
  "- <script>alert(1)</script>\n  - <svg onload=alert(1)>",
  "# <script>alert(1)</script>",
  "1. [x](javascript:alert(1))",
  "**<img src=x onerror=alert(1)>**",
  "_<script>_",
  "~~<iframe>~~",
  "[<img src=x onerror=alert(1)>](https://x.test)",
  "[x](<javascript:alert(1)>)",
  '[x](https://x.test "onmouseover=alert(1)")',
  "[x](https://x.test 'a\" onload=\"alert(1)')",
  "[x]: javascript:alert(1)\n\n[x]",
  "[x][javascript:alert(1)]",
  "![<script>](javascript:alert(1))",
  "![x](https://x.test/?q=secret)",
  "![x][y]\n\n[y]: https://x.test/pixel.gif",
  "[![x](https://x.test/p.gif)](javascript:alert(1))",
  "<javascript:alert(1)>",
  '<https://x.test"onclick=alert(1)>',
  '<mailto:"onclick=alert(1)>',
  'https://x.test/"onmouseover="alert(1)',
  "https://x.test/<script>alert(1)</script>",
  "http://javascript:alert(1)",
  "[a](javascript:alert(1)//https://x.test)",
  "[a](\\javascript:alert(1))",
  "[a](java\\script:alert(1))",
  "[a\\](javascript:alert(1))",
  "[a](()javascript:alert(1))",
  "[[a]](javascript:alert(1))",
  "[a](javascript:alert('(1)'))",
  '[a](#" onclick="alert(1))',
  '[a](/" onclick="alert(1))',
  "[1](javascript:alert(1))",
  "[1, 2](javascript:alert(1))",
  "[^1]: <script>",
  "[<script>](#)",
  "__proto__",
  "constructor",
  "[__proto__](#__proto__)",
  "```__proto__\nx\n```",
  "[toString](#)",
  "{{constructor.constructor('alert(1)')()}}",
  "${alert(1)}",
  "{@html '<script>'}",
  "<%= alert(1) %>",
  "$&$1$`$'",
];

/** Long and repetitive texts, each of which has broken some renderer by time or by depth. */
const LONG: [string, string][] = [
  ["stars", "*".repeat(20_000)],
  ["opened stars", "*a ".repeat(8_000)],
  ["opened and closed", "**a ".repeat(4_000) + "b** ".repeat(4_000)],
  ["mixed runs", "*_".repeat(2_000) + "a" + "_*".repeat(2_000)],
  ["a**a", "a**b" + "c* ".repeat(8_000)],
  ["tildes", "~a~~".repeat(6_000)],
  ["brackets", "[".repeat(20_000)],
  ["closed brackets", "[".repeat(8_000) + "]".repeat(8_000)],
  ["link openings", "[a](".repeat(6_000)],
  ["nested links", "[".repeat(3_000) + "a" + "](/b)".repeat(3_000)],
  ["image openings", "![".repeat(10_000)],
  ["ticks", Array.from({ length: 180 }, (_, n) => "`".repeat(n + 1) + "a").join("")],
  ["single ticks", "`a".repeat(10_001)],
  ["quotes", ">".repeat(20_000) + "a"],
  ["quotes with spaces", "> ".repeat(10_000) + "a"],
  ["lists", Array.from({ length: 300 }, (_, n) => " ".repeat(n * 2) + "- a").join("\n")],
  ["list in a line", "- ".repeat(8_000) + "a"],
  ["numbers in a line", "1. ".repeat(6_000) + "a"],
  ["hashes", "# " + " #".repeat(10_000) + " a"],
  ["spaces", "#" + " ".repeat(20_000) + "a"],
  ["fence with ticks", "```" + "a".repeat(20_000) + "`"],
  ["rules", "- ".repeat(10_000) + "-x"],
  ["closing parentheses", "http://a" + ")".repeat(20_000)],
  ["full stops", "http://a" + ".".repeat(20_000) + " b"],
  ["table", "|" + "a|".repeat(800) + "\n|" + "-|".repeat(800) + "\n" + "|b\n".repeat(20)],
  ["table rule", "a|b\n" + "|-".repeat(8_000) + "x"],
  ["citations", "[1]".repeat(4_000)],
  ["unclosed citation", "[" + "1, ".repeat(8_000)],
  ["backslashes", "\\".repeat(20_000)],
  ["newlines", "\n".repeat(20_000) + "a"],
  ["lines", "a\n".repeat(4_000)],
  ["spaces at ends", ("a" + " ".repeat(50) + "\n").repeat(400)],
  ["tabs", "\t".repeat(8_000) + "a"],
  ["addresses", "https://x.test/a ".repeat(2_000)],
  ["half addresses", "http://".repeat(4_000)],
  ["angle brackets", "<https://".repeat(4_000)],
  ["quotes in a target", '[a](/b "'.repeat(4_000)],
];

/** For a machine that has much else to do, in milliseconds. */
const PATIENCE = 60_000;

describe("hostile text", () => {
  const links = ADDRESSES.flatMap((address) => [`[x](${address})`, `[x](<${address}>)`, `<${address}>`]);
  const all = [...links, ...ADDRESSES, ...HTML, ...AROUND];

  it("comes from a corpus worth the name", () => expect(new Set(all).size).toBeGreaterThan(300));

  it.each(all)("%j", (text) => {
    const box = document.createElement("div");
    for (const form of [
      text,
      `a ${text} b`,
      `**${text}**`,
      `- ${text}`,
      `> ${text}`,
      `| a |\n|---|\n| ${text} |`,
      `[${text}](https://x.test)`,
    ]) {
      box.replaceChildren(renderMarkdown(form, options));
      check(box);
      const view = new MarkdownView(document.createElement("div"), options);
      view.update(form.slice(0, form.length / 2), true);
      view.update(form);
    }
  });

  it.each(HTML)("shows its markup as the characters it is: %j", (text) => {
    const box = document.createElement("div");
    box.append(renderMarkdown(text));
    const shown = box.textContent!.replace(/\s/g, "");
    if (!/[\\[*_`]/.test(text)) expect(shown).toBe(text.replace(/\s/g, ""));
    expect(box.querySelector("script,img,svg,iframe,style,input,form")).toBeNull();
  });

  it.each(LONG)("is quick and shallow: %s", (_, text) => {
    // The work that it is, in milliseconds: how long it takes is also a matter of what else the machine does.
    const started = process.cpuUsage();
    const box = document.createElement("div");
    box.append(renderMarkdown(text, options));
    new MarkdownView(document.createElement("div"), options).update(text, true);
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(4_000);
    let depth = 0;
    for (let level: Element[] = [...box.children]; level.length; level = level.flatMap((node) => [...node.children]))
      depth++;
    expect(depth).toBeLessThan(64);
  }, PATIENCE);

  it("holds for pieces thrown together at random", () => {
    const pieces = [
      ...all,
      "*",
      "**",
      "_",
      "`",
      "```\n",
      "[",
      "](",
      ")",
      "\n",
      "\n\n",
      "- ",
      "> ",
      "| ",
      "<",
      ">",
      "\\",
      "!",
      "  ",
    ];
    let seed = 42;
    const next = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    for (let round = 0; round < 600; round++) {
      const text = Array.from({ length: 2 + next(8) }, () => pieces[next(pieces.length)]).join("");
      const box = document.createElement("div");
      const view = new MarkdownView(box, options);
      for (let at = 0; at < text.length; at += 1 + next(40)) {
        view.update(text.slice(0, at), true);
        check(box);
      }
      view.update(text);
      check(box);
    }
  }, PATIENCE);
});
