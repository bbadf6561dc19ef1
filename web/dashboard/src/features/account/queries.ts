/** What the account page asks the server about the person who is signed in. */
import { unwrap } from "@illumichat/api";
import { api } from "../../session/session.svelte.ts";

export const sessionsKey = ["my-sessions"] as const;

export const updateMe = (body: { name: string }) => unwrap(api.PATCH("/api/me", { body }));

export const changePassword = (body: { currentPassword: string; newPassword: string }) => unwrap(api.POST("/api/me/password", { body }));

export const setUpTotp = (code?: string) => unwrap(api.POST("/api/me/totp", { body: code === undefined ? {} : { code } }));

export const disableTotp = (code: string) => unwrap(api.DELETE("/api/me/totp", { params: { query: { code } } }));

export const listSessions = () => ({ queryKey: sessionsKey, queryFn: () => unwrap(api.GET("/api/me/sessions")) });

export const endSession = (id: string) => unwrap(api.DELETE("/api/me/sessions/{id}", { params: { path: { id } } }));

export const endOtherSessions = () => unwrap(api.DELETE("/api/me/sessions"));
