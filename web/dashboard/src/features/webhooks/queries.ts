/** What the pages ask the server about webhooks and what was sent to them. */
import { unwrap, type WebhookDelivery, type WebhookInput } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const PAGE = 30;

export const webhookKeys = {
  all: (ws: string) => ["webhooks", ws] as const,
  one: (ws: string, id: string) => ["webhooks", ws, id] as const,
  deliveries: (ws: string, id: string) => ["webhooks", ws, id, "deliveries"] as const,
};

export const listWebhooks = (ws: string) => ({
  queryKey: webhookKeys.all(ws),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/webhooks", { params: { path: { ws }, query: { limit: 100 } } })),
});

export const getWebhook = (ws: string, id: string) => ({
  queryKey: webhookKeys.one(ws, id),
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/webhooks/{id}", { params: { path: { ws, id } } })),
});

export const createWebhook = (ws: string, body: WebhookInput) =>
  unwrap(api.POST("/api/workspaces/{ws}/webhooks", { params: { path: { ws } }, body }));

export const updateWebhook = (ws: string, id: string, body: WebhookInput) =>
  unwrap(api.PATCH("/api/workspaces/{ws}/webhooks/{id}", { params: { path: { ws, id } }, body }));

export const deleteWebhook = (ws: string, id: string) =>
  unwrap(api.DELETE("/api/workspaces/{ws}/webhooks/{id}", { params: { path: { ws, id } } }));

export const renewSecret = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/webhooks/{id}/rotate-secret", { params: { path: { ws, id } } }));

export const testWebhook = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/webhooks/{id}/test", { params: { path: { ws, id } } }));

/** How often a list is asked for again while something in it is about to be sent, in milliseconds. */
const POLL = 2000;
const isSoon = ({ status, nextAttemptAt }: WebhookDelivery) =>
  status === "pending" && (!nextAttemptAt || Date.parse(nextAttemptAt) - Date.now() < 10_000);

export type Status = WebhookDelivery["status"] | "";

export const listDeliveries = (ws: string, id: string, filter: { status: Status; offset: number }) => ({
  queryKey: [...webhookKeys.deliveries(ws, id), filter] as const,
  queryFn: () => {
    const query = { limit: PAGE, offset: filter.offset, ...(filter.status ? { status: filter.status } : {}) };
    return unwrap(api.GET("/api/workspaces/{ws}/webhooks/{id}/deliveries", { params: { path: { ws, id }, query } }));
  },
  refetchInterval: (query: { state: { data?: { data: WebhookDelivery[] } | undefined } }) =>
    query.state.data?.data.some(isSoon) ? POLL : false,
});

export const getDelivery = (ws: string, id: string) => ({
  queryKey: ["webhook-delivery", ws, id] as const,
  queryFn: () => unwrap(api.GET("/api/workspaces/{ws}/webhooks/deliveries/{id}", { params: { path: { ws, id } } })),
});

export const retryDelivery = (ws: string, id: string) =>
  unwrap(api.POST("/api/workspaces/{ws}/webhooks/deliveries/{id}/retry", { params: { path: { ws, id } } }));
