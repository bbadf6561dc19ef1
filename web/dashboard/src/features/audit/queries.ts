/** What the page asks the server about the audit log. */
import { unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";
import { moment } from "./actions.ts";

export const PAGE = 50;

export interface AuditFilter {
  action: string;
  userId: string;
  resourceId: string;
  from: string;
  to: string;
}

export const listAudit = (ws: string, filter: AuditFilter, offset: number) => ({
  queryKey: ["audit", ws, filter, offset] as const,
  queryFn: () => {
    const wanted = { ...filter, from: moment(filter.from), to: moment(filter.to, true) };
    const query = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value)) as Partial<AuditFilter>;
    return unwrap(api.GET("/api/workspaces/{ws}/audit", { params: { path: { ws }, query: { ...query, limit: PAGE, offset } } }));
  },
});
