/** What the pages ask the server about figures and questions. */
import { type Conversation, unwrap } from "@illumichat/api";
import { choiceFromAddress, fromAddress } from "../../components/address.ts";
import { api } from "../../session/session.svelte.ts";

export const periods = ["30d", "7d", "90d"] as const;
export type Period = (typeof periods)[number];
type Channel = Conversation["channel"];
export const channelWords = ["widget", "sms", "site", "dashboard", "api"] as const satisfies Channel[];

export interface Scope {
  period: Period;
  assistantId: string;
  channel: Channel | "";
}

/** What the three pages look at: it stands in the address, and goes along from one to the other. */
export const scopeFromAddress = (): Scope => ({
  period: choiceFromAddress("period", periods),
  assistantId: fromAddress("assistant"),
  channel: choiceFromAddress<Channel | "">("channel", ["", ...channelWords]),
});

const queryOf = ({ period, assistantId, channel }: Scope) => ({
  period,
  ...(assistantId ? { assistantId } : {}),
  ...(channel ? { channel } : {}),
});

/** The operations answer a file as well, where it is asked for: here it never is. */
const asJson = <T>(call: Promise<T>) => call as Promise<Exclude<T, string>>;

export const getAnalytics = (ws: string, scope: Scope) => ({
  queryKey: ["analytics", ws, "figures", scope] as const,
  queryFn: () => asJson(unwrap(api.GET("/api/workspaces/{ws}/analytics", { params: { path: { ws }, query: queryOf(scope) } }))),
});

export const getQuestions = (ws: string, scope: Scope) => ({
  queryKey: ["analytics", ws, "questions", scope] as const,
  queryFn: () => asJson(unwrap(api.GET("/api/workspaces/{ws}/analytics/questions", { params: { path: { ws }, query: queryOf(scope) } }))),
  staleTime: 60_000,
});

export const getGaps = (ws: string, scope: Scope) => ({
  queryKey: ["analytics", ws, "gaps", scope] as const,
  queryFn: () => asJson(unwrap(api.GET("/api/workspaces/{ws}/analytics/gaps", { params: { path: { ws }, query: queryOf(scope) } }))),
  staleTime: 60_000,
});

/** The same as a file. */
export const csvUrl = (ws: string, part: "" | "/questions" | "/gaps", scope: Scope) =>
  `/api/workspaces/${ws}/analytics${part}?${new URLSearchParams({ ...queryOf(scope), format: "csv" })}`;

export const addPair = (ws: string, id: string, body: { question: string; answer: string; alternatives: string[] }) =>
  unwrap(api.POST("/api/workspaces/{ws}/projects/{id}/qa", { params: { path: { ws, id } }, body }));
