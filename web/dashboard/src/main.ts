import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { startLocale } from "./i18n/index.svelte.ts";
import { session } from "./session/session.svelte.ts";

await Promise.all([startLocale(), session.load()]);

const target = document.getElementById("app");
if (target) mount(App, { target });
