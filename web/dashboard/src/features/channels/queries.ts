/** What the pages ask the server about an assistant's ways to its visitors. */
import { ApiError, type SiteInput, type SmsInput, unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const PAGE = 50;

export const channelKeys = {
  secret: (ws: string, id: string) => ["widget-secret", ws, id] as const,
  sms: (ws: string, id: string) => ["sms", ws, id] as const,
  sites: (ws: string) => ["sites", ws] as const,
};

export const getWidgetSecret = (ws: string, id: string) => ({
  queryKey: channelKeys.secret(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/widget-secret", { params: { path: { ws, id } } })),
});

export const renewWidgetSecret = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants/{id}/widget-secret", { params: { path: { ws, id } } }));

/** An answer that may not be there: null for 404. */
export async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof ApiError && cause.status === 404) return null;
    throw cause;
  }
}

export const getSms = (ws: string, id: string) => ({
  queryKey: channelKeys.sms(ws, id),
  queryFn: () => orNull(unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/sms", { params: { path: { ws, id } } }))),
});

export const putSms = (ws: string, id: string, body: SmsInput) =>
  unwrap(api.PUT("/api/workspaces/{ws}/assistants/{id}/sms", { params: { path: { ws, id } }, body }));

export const deleteSms = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/assistants/{id}/sms", { params: { path: { ws, id } } }));

export const testSms = (ws: string, id: string, body: { twilioAccountSid: string; twilioAuthToken?: string; phoneNumber: string }) =>
  unwrap(api.POST("/api/workspaces/{ws}/assistants/{id}/sms/test", { params: { path: { ws, id } }, body }));

export const getSmsAnalytics = (ws: string, id: string, period: string) => ({
  queryKey: [...channelKeys.sms(ws, id), "analytics", period] as const,
  queryFn: () =>
    unwrap(api.GET("/api/workspaces/{ws}/assistants/{id}/sms/analytics", { params: { path: { ws, id }, query: { period } } })),
});

export const listSmsMessages = (ws: string, id: string, offset: number) => ({
  queryKey: [...channelKeys.sms(ws, id), "messages", offset] as const,
  queryFn: () =>
    unwrap(
      api.GET("/api/workspaces/{ws}/assistants/{id}/sms/messages", { params: { path: { ws, id }, query: { limit: PAGE, offset } } }),
    ),
});

export const listSites = (ws: string) => ({
  queryKey: channelKeys.sites(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/sites", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const createSite = (ws: string, body: SiteInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/sites", { params: { path: { ws } }, body }));

export const updateSite = (ws: string, id: string, body: Partial<SiteInput>) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/sites/{id}", { params: { path: { ws, id } }, body }));

export const renewSiteKey = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/sites/{id}/rotate-key", { params: { path: { ws, id } } }));

export const deleteSite = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/sites/{id}", { params: { path: { ws, id } } }));
