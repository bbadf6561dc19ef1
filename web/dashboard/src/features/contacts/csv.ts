/** A first look into a CSV file, to say which column is what. The server reads it for good. */

export const fields = ["name", "email", "phone", "externalId", "company", "avatarUrl", "tags"] as const;
export type Field = (typeof fields)[number];

export interface Preview {
  columns: string[];
  /** The first rows, as many cells each as there are columns. */
  rows: string[][];
}

/** How much of a file is looked at. */
const LOOK = 64 * 1024;

export async function previewFile(file: File, most = 3): Promise<Preview> {
  return preview(decode(new Uint8Array(await file.slice(0, LOOK).arrayBuffer())), most);
}

/** UTF-8, else what spreadsheets of the West write. A letter cut in two at the end of the look is no reason to doubt. */
export function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

export function preview(text: string, most = 3): Preview {
  const first = text.split(/\r?\n/, 1)[0] ?? "";
  const count = (delimiter: string) => first.split(delimiter).length;
  const delimiter = [",", ";", "\t"].reduce((best, each) => (count(each) > count(best) ? each : best));
  const [columns = [], ...rows] = records(text, delimiter, most + 1);
  return { columns, rows: rows.map((row) => columns.map((_, at) => row[at] ?? "")) };
}

/** The first records; a cell in quotes may hold delimiters and lines. */
function records(text: string, delimiter: string, most: number): string[][] {
  const all: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell.trim());
    if (row.some((each) => each !== "")) all.push(row);
    row = [];
    cell = "";
  };
  for (let at = 0; at < text.length && all.length < most; at += 1) {
    const sign = text.charAt(at);
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text.charAt(at + 1) === '"') cell += text.charAt((at += 1));
      else quoted = false;
    } else if (sign === '"' && cell.trim() === "") {
      quoted = true;
      cell = "";
    } else if (sign === delimiter) {
      row.push(cell.trim());
      cell = "";
    } else if (sign === "\n") endRow();
    else if (sign !== "\r") cell += sign;
  }
  if (all.length < most && (cell || row.length)) endRow();
  return all;
}

const names: Record<Field, RegExp> = {
  name: /^(full)?name$|^vorundnachname$/,
  email: /^e?mail(address|adresse)?$/,
  phone: /^(tele?(ph|f)one?|tel|mobile?|handy|phone(number)?|telefonnummer|rufnummer)$/,
  externalId: /^(external|customer|user|kunden)(id|nr|no|number|nummer)$/,
  company: /^(company|organi[sz]ation|firma|unternehmen)$/,
  avatarUrl: /^(avatar|picture|photo|bild)(url)?$/,
  tags: /^(tags?|labels?|schlagworte)$/,
};

/** Which field each column most likely is; each field once. What is not known stays out. */
export function guess(columns: string[]): Record<string, string> {
  const mapping: Record<string, string> = {};
  for (const column of columns) {
    const plain = column.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
    const field = fields.find((each) => names[each].test(plain)) ?? (/^attributes\..+/.test(column) ? column : undefined);
    if (field && !Object.values(mapping).includes(field)) mapping[column] = field;
  }
  return mapping;
}
